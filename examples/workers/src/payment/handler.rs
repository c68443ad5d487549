//! Charges each payment once, however often its event arrives.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use underpin_database::{Database, DatabaseError, Executor as _, Pool, sql};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_events::{Delivery, Event, EventHandler, Outcome, SubscribeOptions, TypedEvent as _};
use underpin_logger::{Context, Logger, debug, info, warn};
use utoipa::ToSchema;

use super::{Gateway, Payment};

/// Processes `payment.process`.
///
/// The row is written before the gateway is asked, and has the charge afterwards. In between the process may die and the gateway may hang: the
/// event is delivered again and the gateway is asked again, under the same key.
pub(crate) struct Payments {
    database: Pool,
    gateway: Arc<dyn Gateway>,
    timeout: Duration,
    log: Arc<dyn Logger>,
}

/// What is known about a payment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentView {
    id: String,
    user_id: String,
    subscription_id: String,
    cents: i64,
    /// The gateway's; absent until it has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    charge: Option<String>,
}

impl Payments {
    pub(crate) fn new(
        database: &Pool,
        gateway: Arc<dyn Gateway>,
        timeout: Duration,
        log: Arc<dyn Logger>,
    ) -> Self {
        Self { database: database.clone(), gateway, timeout, log }
    }

    /// The subscription. Processes share its durable name. What fails is the gateway and not the payment, so there are many attempts.
    pub(crate) fn options() -> SubscribeOptions {
        SubscribeOptions::new("payments")
            .types([Payment::TYPE])
            .concurrency(8)
            .max_attempts(1000)
            .ack_wait(Duration::from_secs(5))
    }

    /// Whether it charged now: false for a payment that was charged before.
    async fn process(&self, ctx: &Context, event: &Event) -> Result<bool, Error> {
        let payment = event.decode::<Payment>().wrap_err(Kind::InvalidArgument, "read the payment")?;
        let (id, cents) = (event.id(), payment.cents()?);
        let database = self.database.with(ctx);
        let insert = "INSERT INTO payment (id, user_id, subscription_id, cents) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let row = [id.into(), payment.user_id.into(), payment.subscription_id.into(), cents.into()];
        database.execute(sql(insert, row)).await?;
        if find(&database, id).await?.is_some_and(|known| known.charge.is_some()) {
            return Ok(false);
        }
        let charge = tokio::time::timeout(self.timeout, self.gateway.charge(id, cents)).await;
        let charge = charge.map_err(|_| Error::new(Kind::Unavailable, "the gateway does not answer"))??;
        let update = "UPDATE payment SET charge = $2 WHERE id = $1 AND charge IS NULL";
        database.execute(sql(update, [id.into(), charge.into()])).await?;
        Ok(true)
    }
}

#[async_trait]
impl EventHandler for Payments {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let ctx = delivery.context();
        let event = delivery.event();
        match self.process(&ctx, event).await {
            Ok(true) => info!(self.log, &ctx, "payment charged", payment_id = event.id()),
            Ok(false) => debug!(self.log, &ctx, "payment charged before", payment_id = event.id()),
            Err(error) if error.is_client_error() => return Outcome::dead_letter(error.report().to_string()),
            Err(error) => {
                let attempt = delivery.attempt();
                warn!(self.log, &ctx, &error, "payment not charged yet", payment_id = event.id(), attempt);
                return Outcome::retry(error.report().to_string());
            }
        }
        Outcome::ack()
    }
}

/// The payment with this id.
pub(crate) async fn find(database: &dyn Database, id: &str) -> Result<Option<PaymentView>, DatabaseError> {
    let query = "SELECT id, user_id, subscription_id, cents, charge FROM payment WHERE id = $1";
    let row = database.query_one(sql(query, [id.into()])).await?;
    let view = row.map(|row| {
        Ok(PaymentView {
            id: row.try_get("", "id")?,
            user_id: row.try_get("", "user_id")?,
            subscription_id: row.try_get("", "subscription_id")?,
            cents: row.try_get("", "cents")?,
            charge: row.try_get("", "charge")?,
        })
    });
    view.transpose()
}
