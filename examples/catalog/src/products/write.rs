use underpin_database::{DatabaseExt as _, Transaction, TxOptions};
use underpin_errors::Error;
use underpin_logger::{Context, warn};
use uuid::Uuid;

use super::Products;
use crate::cache::missing;
use crate::event::ProductChanged;
use crate::product::now;
use crate::{Action, AuditEntry, Change, Product, Updated};

/// A write.
pub(super) enum Write<'a> {
    Create(&'a Product),
    Update(Uuid, &'a Change),
    Delete(Uuid),
}

impl Products {
    /// Commits a write with its entry and its event, and then has the cache forget the product.
    ///
    /// A caller that hangs up, or a kill, in between leaves that to the consumer of the event.
    pub(super) async fn write(&self, ctx: &Context, write: Write<'_>) -> Result<Product, Error> {
        let write = &write;
        let commit = |tx: Transaction| async move {
            let (action, product) = self.apply(&tx, write).await?;
            let entry = AuditEntry::new(action, product, ctx);
            self.storage.record(&tx, &entry).await?;
            self.outbox.enqueue(&tx, &ProductChanged::event(&entry, ctx)?).await?;
            Ok::<_, Error>(entry.product)
        };
        let product = self.database.with(ctx).transaction(TxOptions::default(), commit).await?;
        if let Err(error) = self.cache.invalidate(product.id).await {
            warn!(self.log, ctx, &error, "cache not invalidated, its event will", product_id = %product.id);
        }
        Ok(product)
    }

    async fn apply(&self, tx: &Transaction, write: &Write<'_>) -> Result<(Action, Product), Error> {
        match write {
            Write::Create(product) => {
                self.storage.insert(tx, product).await?;
                Ok((Action::Created, (*product).clone()))
            }
            Write::Update(id, change) => match self.storage.update(tx, *id, change, now()).await? {
                Updated::Done(product) => Ok((Action::Updated, product)),
                Updated::Missing => Err(missing()),
                Updated::Stale { version } => {
                    Err(Error::conflict(format!("the product has version {version} by now"))
                        .code("VERSION_CONFLICT"))
                }
            },
            Write::Delete(id) => {
                let last = self.storage.delete(tx, *id).await?.ok_or_else(missing)?;
                // The deletion is a version: each entry has its own.
                Ok((Action::Deleted, Product { version: last.version + 1, ..last }))
            }
        }
    }
}
