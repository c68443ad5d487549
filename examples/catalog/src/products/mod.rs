//! The operations on products.

mod write;

use std::fmt;
use std::sync::Arc;

use underpin_database::Pool;
use underpin_errors::Error;
use underpin_logger::{Context, Logger};
use underpin_outbox::Outbox;
use uuid::Uuid;

use self::write::Write;
use crate::cache::missing;
use crate::{AuditEntry, Change, Found, Listing, PageQuery, Product, ProductCache, Storage};

/// The operations on products: reads through the cache, writes in one transaction with their audit entry and their event.
pub struct Products {
    database: Pool,
    storage: Arc<dyn Storage>,
    outbox: Outbox,
    cache: ProductCache,
    log: Arc<dyn Logger>,
}

impl Products {
    /// On this storage, which is in this database, behind this cache.
    pub fn new(
        database: &Pool,
        storage: Arc<dyn Storage>,
        outbox: Outbox,
        cache: ProductCache,
        log: Arc<dyn Logger>,
    ) -> Self {
        Self { database: database.clone(), storage, outbox, cache, log }
    }

    /// Adds a product.
    ///
    /// # Errors
    /// 400 `INVALID_PRODUCT`; what the database says.
    pub async fn create(&self, ctx: &Context, change: &Change) -> Result<Product, Error> {
        change.check()?;
        if change.version.is_some() {
            let error = Error::bad_request("the product is not valid").code("INVALID_PRODUCT");
            return Err(error.violation("version", "absent: it has none yet"));
        }
        self.write(ctx, Write::Create(&Product::new(change))).await
    }

    /// The product with this id.
    ///
    /// # Errors
    /// 404 `PRODUCT_NOT_FOUND`; what the database says.
    pub async fn get(&self, ctx: &Context, id: &str) -> Result<Found, Error> {
        self.cache.get(ctx, parse(id)?).await
    }

    /// A page of products, the newest first.
    ///
    /// # Errors
    /// 400 `INVALID_QUERY`; what the database says.
    pub async fn list(&self, ctx: &Context, query: &PageQuery) -> Result<Listing, Error> {
        self.cache.list(ctx, query).await
    }

    /// Replaces what a product says.
    ///
    /// # Errors
    /// 400 `INVALID_PRODUCT`, 404 `PRODUCT_NOT_FOUND`, 409 `VERSION_CONFLICT`; what the database says.
    pub async fn update(&self, ctx: &Context, id: &str, change: &Change) -> Result<Product, Error> {
        change.check()?;
        self.write(ctx, Write::Update(parse(id)?, change)).await
    }

    /// Removes a product. Its audit trail stays.
    ///
    /// # Errors
    /// 404 `PRODUCT_NOT_FOUND`; what the database says.
    pub async fn delete(&self, ctx: &Context, id: &str) -> Result<(), Error> {
        self.write(ctx, Write::Delete(parse(id)?)).await.map(drop)
    }

    /// The last hundred entries of the audit trail of a product below this version, the newest first.
    ///
    /// # Errors
    /// 404 `PRODUCT_NOT_FOUND` where there never was one; what the database says.
    pub async fn history(
        &self,
        ctx: &Context,
        id: &str,
        before: Option<i64>,
    ) -> Result<Vec<AuditEntry>, Error> {
        let entries = self.storage.history(ctx, parse(id)?, before.unwrap_or(i64::MAX), 100).await?;
        if entries.is_empty() && before.is_none() { Err(missing()) } else { Ok(entries) }
    }
}

impl fmt::Debug for Products {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Products").field("cache", &self.cache).finish_non_exhaustive()
    }
}

/// Ids are opaque to callers: what is no id is no product.
fn parse(id: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(id).map_err(|_| missing())
}
