//! Keeps the projection from the events.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use underpin_database::{Pool, Transaction};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_events::{Delivery, Event, EventHandler, Outcome, SubscribeOptions, TypedEvent as _};
use underpin_logger::{Context, Logger, debug, warn};
use underpin_outbox::{Applied, Inbox};

use super::{LinkClicked, LinkCreated, projection};
use crate::link::now;

/// The durable name: replicas share it, and with it the events.
const NAME: &str = "link-stats";

/// Applies each event to the projection, once: the inbox remembers it in the same transaction.
pub(crate) struct ClickConsumer {
    database: Pool,
    inbox: Inbox,
    log: Arc<dyn Logger>,
}

impl ClickConsumer {
    pub(crate) fn new(database: &Pool, log: Arc<dyn Logger>) -> Self {
        Self { database: database.clone(), inbox: Inbox::default(), log }
    }

    /// The subscription. All events of a day add to one row, so more handlers would only queue at its lock. Attempts are many, because an
    /// outage and not the event is the cause of a failure.
    pub(crate) fn options() -> SubscribeOptions {
        SubscribeOptions::new(NAME)
            .types([LinkCreated::TYPE, LinkClicked::TYPE])
            .concurrency(1)
            .max_attempts(1000)
            .ack_wait(Duration::from_secs(5))
    }

    async fn apply(&self, ctx: &Context, event: &Event) -> Result<Applied<()>, Error> {
        let at = event.time().map_or_else(now, |time| (time.unix_timestamp_nanos() / 1_000_000) as i64);
        let database = self.database.with(ctx);
        let read = "read the event";
        if event.ty() == LinkCreated::TYPE {
            event.decode::<LinkCreated>().wrap_err(Kind::InvalidArgument, read)?;
            let count = |tx: Transaction| async move { projection::add_link(&tx, at).await };
            return Ok(self.inbox.once(&database, NAME, event, count).await?);
        }
        let LinkClicked(link) = &event.decode::<LinkClicked>().wrap_err(Kind::InvalidArgument, read)?;
        let count = |tx: Transaction| async move { projection::add_click(&tx, link, at).await };
        Ok(self.inbox.once(&database, NAME, event, count).await?)
    }
}

#[async_trait]
impl EventHandler for ClickConsumer {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let ctx = delivery.context();
        let event = delivery.event();
        match self.apply(&ctx, event).await {
            Ok(Applied::Before) => debug!(self.log, &ctx, "event applied before", event_id = event.id()),
            Ok(_) => debug!(self.log, &ctx, "event applied", event_id = event.id(), event_type = event.ty()),
            Err(error) if error.is_client_error() => return Outcome::dead_letter(error.report().to_string()),
            Err(error) => {
                let attempt = delivery.attempt();
                warn!(self.log, &ctx, &error, "event not applied yet", event_id = event.id(), attempt);
                return Outcome::retry(error.report().to_string());
            }
        }
        Outcome::ack()
    }
}
