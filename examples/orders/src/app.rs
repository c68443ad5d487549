//! The operations of the service: place an order, find orders, read the projection.

use std::sync::Arc;

use underpin_database::{DatabaseError, DatabaseExt, Pool, TxOptions};
use underpin_errors::{Error, Kind, ResultExt as _, Violation};
use underpin_logger::{Context, Logger, info};
use underpin_outbox::Outbox;
use uuid::Uuid;

use crate::event::OrderPlaced;
use crate::order::{Order, OrderDraft};
use crate::store::orders::{Inserted, Page};
use crate::store::stats::Stats;
use crate::store::{self, Cursor};

/// The state that requests share.
pub(crate) struct App {
    pub(crate) database: Pool,
    pub(crate) outbox: Outbox,
    pub(crate) log: Arc<dyn Logger>,
}

/// A placed order, and whether it was placed by an earlier request with the same key.
pub(crate) struct Placed {
    pub(crate) order: Order,
    pub(crate) replayed: bool,
}

impl App {
    pub(crate) fn new(database: &Pool, outbox: Outbox, log: Arc<dyn Logger>) -> Arc<Self> {
        Arc::new(Self { database: database.clone(), outbox, log })
    }

    /// Stores an order and its event in one transaction: either both exist or neither does. The relay of the outbox
    /// publishes the event afterwards, however often it takes.
    ///
    /// # Errors
    /// 409 `IDEMPOTENCY_KEY_REUSED` when the key belongs to another order; what the database says.
    ///
    /// # Cancel safety
    /// Dropped before the commit, the order is not stored. Dropped during it, the order may exist: repeat with the same key.
    pub(crate) async fn place(
        &self,
        ctx: &Context,
        draft: OrderDraft,
        idempotency_key: Option<String>,
    ) -> Result<Placed, Error> {
        let (draft, key) = (&draft, idempotency_key.as_deref());
        let inserted = self
            .database
            .with(ctx)
            .transaction(TxOptions::default(), |tx| async move {
                let inserted = store::orders::insert(&tx, Order::place(draft.clone()), key).await?;
                if let Inserted::New(order) = &inserted {
                    let event =
                        OrderPlaced::event(order, ctx).wrap_err(Kind::Internal, "describe the order")?;
                    self.outbox.enqueue(&tx, &event).await?;
                }
                Ok::<_, Error>(inserted)
            })
            .await?;
        match inserted {
            Inserted::New(order) => {
                info!(self.log, ctx, "order placed", order_id = %order.id, total_cents = order.total_cents);
                Ok(Placed { order, replayed: false })
            }
            Inserted::Before(order) if order.is_for(draft) => Ok(Placed { order, replayed: true }),
            Inserted::Before(_) => Err(Error::conflict("the idempotency key belongs to another order")
                .code("IDEMPOTENCY_KEY_REUSED")
                .with_violation(Violation::header("Idempotency-Key", "must be new for a new order"))),
        }
    }

    /// The order with this id.
    pub(crate) async fn order(&self, ctx: &Context, id: Uuid) -> Result<Option<Order>, DatabaseError> {
        store::orders::get(&self.database.with(ctx), id).await
    }

    /// A page of orders, newest first.
    pub(crate) async fn orders(
        &self,
        ctx: &Context,
        page: &Page,
    ) -> Result<(Vec<Order>, Option<Cursor>), DatabaseError> {
        store::orders::list(&self.database.with(ctx), page).await
    }

    /// The projection as it stands.
    pub(crate) async fn stats(&self, ctx: &Context) -> Result<Stats, DatabaseError> {
        store::stats::read(&self.database.with(ctx)).await
    }
}
