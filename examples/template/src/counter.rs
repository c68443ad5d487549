use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use underpin_database::{Database, DatabaseError};
use underpin_errors::Report;
use underpin_events::{Delivery, EventHandler, Outcome, SubscribeOptions, TypedEvent};
use underpin_logger::{Logger, debug, info, warn};
use underpin_outbox::{Applied, Inbox};

use crate::note::NoteAdded;
use crate::store;

/// Counts notes, each once: the inbox writes in the same transaction that this event was counted.
pub struct Counter {
    /// Where the count is kept.
    pub database: Arc<dyn Database>,
    /// The events that were counted before.
    pub inbox: Inbox,
    /// The log.
    pub log: Arc<dyn Logger>,
}

impl Counter {
    /// The durable name: replicas share it, and with it the events.
    const NAME: &'static str = "note-counter";

    /// The subscription. Attempts are many, because an outage and not the note is the cause of a failure. After a `kill -9`
    /// NATS redelivers what the process held once `ack_wait` is over; the default is 30 s.
    pub fn options() -> SubscribeOptions {
        SubscribeOptions::new(Self::NAME)
            .types([NoteAdded::TYPE])
            .concurrency(1)
            .max_attempts(1000)
            .ack_wait(Duration::from_secs(5))
    }
}

#[async_trait]
impl EventHandler for Counter {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let ctx = delivery.context();
        let event = delivery.event();
        let count = |tx| async move { store::count_one_more(&tx).await };
        let counted: Result<Applied<()>, DatabaseError> =
            self.inbox.once(&*self.database, Self::NAME, event, count).await;
        match counted {
            Ok(Applied::Before) => debug!(self.log, &ctx, "note counted before", event_id = event.id()),
            Ok(_) => info!(self.log, &ctx, "note counted", event_id = event.id()),
            Err(error) => {
                warn!(self.log, &ctx, &error, "note not counted yet", attempt = delivery.attempt());
                return Outcome::retry(Report(&error).to_string());
            }
        }
        Outcome::ack()
    }
}
