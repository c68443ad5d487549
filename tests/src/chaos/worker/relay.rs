use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use underpin_errors::BoxError;
use underpin_events::jetstream::JetStream;
use underpin_events::{Event, EventPublisher, EventsError, PublishReceipt};
use underpin_logger::{Context, Logger, info, warn};
use underpin_outbox::{Outbox, Relay, RelayDrain};

use super::{WorkerSettings, connect};

/// Relays until it is stopped.
pub(super) async fn run(
    settings: &WorkerSettings,
    log: &Arc<dyn Logger>,
    stop: &CancellationToken,
) -> Result<(), BoxError> {
    let Some(pool) = connect::database(settings, log, stop).await? else { return Ok(()) };
    let Some(bus) = connect::bus(settings, log, stop).await? else { return Ok(()) };
    let publisher = Arc::new(Counting { bus: bus.clone(), log: Arc::clone(log) });
    let relay = Relay::start(&Outbox::default(), &pool, publisher, WorkerSettings::relay(), Arc::clone(log))?;
    stop.cancelled().await;
    let drained = relay.drain(Duration::from_secs(5)).await;
    bus.close(Duration::from_secs(2)).await?;
    pool.close(Duration::from_secs(2)).await;
    if drained == RelayDrain::Drained { Ok(()) } else { Err("the relay did not drain".into()) }
}

/// Publishes, and writes down what came of it.
struct Counting {
    bus: JetStream,
    log: Arc<dyn Logger>,
}

#[async_trait]
impl EventPublisher for Counting {
    async fn publish(&self, event: Event) -> Result<PublishReceipt, EventsError> {
        self.bus.publish(event).await
    }

    async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>> {
        let results = self.bus.publish_batch(events).await;
        let stored = results.iter().flatten().filter(|receipt| !receipt.duplicate).count();
        let known = results.iter().flatten().filter(|receipt| receipt.duplicate).count();
        let failed = results.len() - stored - known;
        let ctx = Context::background();
        match results.iter().find_map(|result| result.as_ref().err()) {
            None => info!(self.log, &ctx, "batch published", stored, known, failed),
            Some(error) => warn!(self.log, &ctx, error, "batch published", stored, known, failed),
        }
        results
    }

    async fn flush(&self, within: Duration) -> Result<(), EventsError> {
        self.bus.flush(within).await
    }
}
