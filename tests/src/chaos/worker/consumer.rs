use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use underpin_database::{DatabaseError, DatabaseExt, Pool, TxOptions};
use underpin_errors::{BoxError, Report};
use underpin_events::jetstream::JetStream;
use underpin_events::{
    Delivery, DrainOutcome, EventHandler, EventSubscriber, Outcome, SubscribeOptions, Subscription,
};
use underpin_logger::{Context, Logger, info, warn};
use underpin_outbox::{Applied, Inbox};

use super::{CrashPoint, InboxUse, WorkerSettings, connect, crash::crash};
use crate::chaos::bank::{PROJECTION, Transfer, apply, partitions};

/// Applies transfers to the projection until it is stopped.
pub(super) async fn run(
    settings: &WorkerSettings,
    inbox: InboxUse,
    log: &Arc<dyn Logger>,
    stop: &CancellationToken,
) -> Result<(), BoxError> {
    let Some(pool) = connect::database(settings, log, stop).await? else { return Ok(()) };
    let Some(bus) = connect::bus(settings, log, stop).await? else { return Ok(()) };
    let projection = Arc::new(Projection {
        name: settings.name.clone(),
        pool: pool.clone(),
        inbox,
        crash_point: settings.crash_point,
        committed: AtomicU64::new(0),
        log: Arc::clone(log),
    });
    let mut subscriptions = Vec::new();
    for partition in partitions() {
        let handler = Arc::clone(&projection);
        subscriptions
            .extend(subscribe(&bus, &WorkerSettings::subscription(&partition), handler, log, stop).await?);
    }
    stop.cancelled().await;
    let mut drained = true;
    for subscription in &subscriptions {
        drained &= subscription.drain(Duration::from_secs(5)).await == DrainOutcome::Drained;
    }
    bus.close(Duration::from_secs(2)).await?;
    pool.close(Duration::from_secs(2)).await;
    if drained { Ok(()) } else { Err("a subscription did not drain".into()) }
}

/// Subscribes, however long NATS is away. `None` when the worker is to stop before.
async fn subscribe(
    bus: &JetStream,
    options: &SubscribeOptions,
    handler: Arc<Projection>,
    log: &Arc<dyn Logger>,
    stop: &CancellationToken,
) -> Result<Option<Arc<dyn Subscription>>, BoxError> {
    while !stop.is_cancelled() {
        let handler: Arc<dyn EventHandler> = Arc::<Projection>::clone(&handler);
        match bus.subscribe(options.clone(), handler).await {
            Ok(subscription) => return Ok(Some(subscription)),
            Err(error) if error.is_retryable() => {
                warn!(log, &Context::background(), &error, "no subscription yet");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

struct Projection {
    name: String,
    pool: Pool,
    inbox: InboxUse,
    crash_point: Option<CrashPoint>,
    committed: AtomicU64,
    log: Arc<dyn Logger>,
}

#[async_trait]
impl EventHandler for Projection {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let (ctx, attempt) = (delivery.context(), delivery.attempt());
        let transfer: Transfer = match delivery.event().json() {
            Ok(transfer) => transfer,
            Err(error) => return Outcome::dead_letter(Report(&error).to_string()),
        };
        match self.once(&delivery, &transfer).await {
            Ok(Applied::Before) => {
                info!(self.log, &ctx, "duplicate suppressed", transfer = transfer.id, attempt);
                Outcome::ack()
            }
            Ok(_) => {
                let (account, number) = (transfer.source, transfer.number);
                info!(self.log, &ctx, "event applied", transfer = transfer.id, account, number, attempt);
                let committed = self.committed.fetch_add(1, Ordering::SeqCst) + 1;
                if self.crash_point == Some(CrashPoint::AfterCommit(committed)) {
                    crash(&self.log);
                }
                Outcome::ack()
            }
            Err(error) => {
                warn!(self.log, &ctx, &error, "event not applied", transfer = transfer.id, attempt);
                Outcome::retry(Report(&error).to_string())
            }
        }
    }
}

impl Projection {
    async fn once(&self, delivery: &Delivery, transfer: &Transfer) -> Result<Applied<()>, DatabaseError> {
        let work = |tx| async move { apply(&tx, transfer, &self.name).await };
        match self.inbox {
            InboxUse::On => Inbox::default().once(&self.pool, PROJECTION, delivery.event(), work).await,
            InboxUse::Off => self.pool.transaction(TxOptions::default(), work).await.map(Applied::Now),
        }
    }
}
