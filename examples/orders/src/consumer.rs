//! Keeps the projection from `order.placed` events.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use underpin_database::Pool;
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_events::{Delivery, Event, EventHandler, Outcome, SubscribeOptions, TypedEvent};
use underpin_logger::{Context, Logger, debug, info, warn};
use underpin_outbox::{Applied, Inbox};

use crate::event::OrderPlaced;
use crate::store;

/// The durable name: replicas of the service share it, and with it the events.
const NAME: &str = "order-stats";

/// Adds every order to the projection, once.
///
/// The bus may deliver an event again, after a crash or a lost acknowledgement. The inbox writes down in the same
/// transaction that this event was handled, and skips it the next time.
pub(crate) struct Consumer {
    database: Pool,
    inbox: Inbox,
    log: Arc<dyn Logger>,
}

impl Consumer {
    pub(crate) fn new(database: &Pool, log: Arc<dyn Logger>) -> Self {
        Self { database: database.clone(), inbox: Inbox::default(), log }
    }

    /// The subscription. The projection is one row, so more handlers would only queue at its lock. Attempts are many, because
    /// an outage and not the event is the cause of a failure. After a `kill -9` NATS redelivers what the process held once
    /// `ack_wait` is over; the default is 30 s. Progress of running handlers is reported, so a long handler does not need more.
    pub(crate) fn options() -> SubscribeOptions {
        SubscribeOptions::new(NAME)
            .types([OrderPlaced::TYPE])
            .concurrency(1)
            .max_attempts(1000)
            .ack_wait(Duration::from_secs(5))
    }

    async fn count(&self, ctx: &Context, event: &Event) -> Result<Applied<()>, Error> {
        let placed = event.decode::<OrderPlaced>().wrap_err(Kind::InvalidArgument, "read the event")?;
        let (database, placed) = (self.database.with(ctx), &placed);
        let add = |tx| async move { store::stats::add(&tx, placed).await };
        Ok(self.inbox.once(&database, NAME, event, add).await?)
    }
}

#[async_trait]
impl EventHandler for Consumer {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let ctx = delivery.context();
        let event = delivery.event();
        match self.count(&ctx, event).await {
            Ok(Applied::Before) => debug!(self.log, &ctx, "order counted before", event_id = event.id()),
            Ok(_) => info!(self.log, &ctx, "order counted", event_id = event.id()),
            Err(error) if error.is_client_error() => return Outcome::dead_letter(error.report().to_string()),
            Err(error) => {
                let attempt = delivery.attempt();
                warn!(self.log, &ctx, &error, "order not counted yet", event_id = event.id(), attempt);
                return Outcome::retry(error.report().to_string());
            }
        }
        Outcome::ack()
    }
}
