use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use underpin_database::wake::forward;
use underpin_database::{Connections, Pool};
use underpin_errors::{Health, HealthCheck};
use underpin_events::EventPublisher;
use underpin_logger::Logger;
use uuid::Uuid;

use super::batch::QuarantinePolicy;
use super::blocked_keys::BlockedKeys;
use super::lag_probe::{LagProbe, READ_LIMIT};
use super::lease::Leases;
use super::poison::PublishCounters;
use super::publishing::Publishing;
use super::retry::Retry;
use super::settings::RelaySettings;
use super::status::RelayStatus;
use super::store::Store;
use super::takeover::take_over;
use super::wake_up::WakeUp;
use super::worker::Worker;
use crate::schema::{CHANNEL, PARTITIONS_RELEASED};
use crate::{AfterQuarantine, Outbox, OutboxError};

/// Publishes the events of an outbox in a background task, until it is drained.
///
/// Any number of relays work on one outbox, in one process or many. Each of their workers leases some of the 32 partitions;
/// the partitions are shared evenly, and those of a relay that stops renewing go to the others after
/// [`RelaySettings::lease`]. On a SQLite file those of a killed process are free at once: each relay holds a lock on
/// `<file>.relays` that ends with its process. A key belongs to one partition, a partition to one worker, and of a key one event at a time is
/// in flight: that keeps the order per key.
///
/// A relay never gives up: while the database or the broker does not answer it backs off, reports it in its health, and
/// recovers by itself. An event without an answer delays its key and no other. The relay is a [`HealthCheck`] named
/// `outbox`; trouble is `degraded`, since a service can accept work all the same. A check reads the lag at most once a
/// second, for at most a second; otherwise it reports the last known lag. The detail `lag_age_ms` is the age of what it
/// reports.
///
/// End it with [`Relay::drain`]. Dropping it stops it at once; on PostgreSQL its partitions then wait for the leases to expire.
///
/// # Examples
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use underpin_database::{Database, DatabaseExt, DatabaseSettings, TxOptions, connect};
/// # use underpin_errors::HealthCheck;
/// # use underpin_logger::NoopLogger;
/// use underpin_events::memory::MemoryBus;
/// use underpin_outbox::{Outbox, Relay, RelayDrain, RelaySettings};
/// use underpin_events::{Event, EventSubscriber, Outcome, SubscribeOptions, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (log, bus) = (Arc::new(NoopLogger), MemoryBus::new());
/// let pool = connect(&DatabaseSettings::new("sqlite::memory:"), log.clone()).await?;
/// let outbox = Outbox::default();
/// outbox.migrate(&pool).await?;
///
/// let (seen, mut events) = tokio::sync::mpsc::unbounded_channel();
/// let handler = handler_fn(move |delivery| {
///     seen.send(delivery.into_event()).ok();
///     async { Outcome::ack() }
/// });
/// let subscription = bus.subscribe(SubscribeOptions::new("reader").types(["order.>"]), handler).await?;
/// let relay = Relay::start(&outbox, &pool, Arc::new(bus), RelaySettings::default(), log)?;
///
/// pool.transaction(TxOptions::default(), |tx| {
///     let outbox = outbox.clone();
///     async move {
///         // ... the change itself, on `tx` ...
///         let event = Event::builder("order.placed", "/orders").subject("42").build().map_err(Box::new)?;
///         outbox.enqueue(&tx, &event).await?;
///         Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
///     }
/// })
/// .await
/// .map_err(|error| error.to_string())?;
///
/// assert_eq!(events.recv().await.unwrap().subject(), Some("42"));
/// assert_eq!(relay.drain(Duration::from_secs(5)).await, RelayDrain::Drained);
/// # let _ = subscription.drain(Duration::from_secs(5)).await;
/// # Ok(()) }
/// ```
pub struct Relay {
    status: Arc<RelayStatus>,
    lag: LagProbe,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Relay {
    /// Starts a relay on the current runtime. It waits for the database and the broker if they are not there yet; the
    /// tables must exist ([`Outbox::migrate`]).
    ///
    /// # Errors
    /// [`OutboxError::Setting`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(
        outbox: &Outbox,
        pool: &Pool,
        publisher: Arc<dyn EventPublisher>,
        settings: RelaySettings,
        log: Arc<dyn Logger>,
    ) -> Result<Self, OutboxError> {
        OutboxError::check(&settings)?;
        let count = settings.workers as usize;
        let (status, stop) = (RelayStatus::new(count, settings.lag_warning), CancellationToken::new());
        let database: Arc<dyn Connections> = Arc::new(pool.clone());
        let limit = settings.database_timeout.min(READ_LIMIT);
        let lag = LagProbe::new(Store::new(Arc::clone(&database), "health".into(), limit));
        let counters = Arc::new(PublishCounters::default());
        let policy = QuarantinePolicy {
            max_attempts: settings.max_attempts,
            hold_after_quarantine: outbox.settings().after_quarantine == AfterQuarantine::Hold,
        };
        let signals = outbox.signals().clone();
        let listen = forward(pool.clone(), CHANNEL, Arc::clone(&log), move |payload| match payload {
            Some(PARTITIONS_RELEASED) => signals.partitions.notify(),
            _ => signals.work.notify(),
        });
        let (signals, worker_status, worker_stop) =
            (outbox.signals().clone(), Arc::clone(&status), stop.clone());
        let starting = Store::new(Arc::clone(&database), "start".into(), settings.database_timeout);
        let (starting_pool, starting_stop, starting_log) = (pool.clone(), stop.clone(), Arc::clone(&log));
        let worker = move |number: usize| Worker {
            store: Store::new(
                Arc::clone(&database),
                Uuid::now_v7().to_string().into(),
                settings.database_timeout,
            ),
            leases: Leases::new(&settings),
            publishing: Publishing::new(
                Arc::clone(&publisher),
                Arc::clone(&counters),
                policy,
                settings.publish_timeout,
                settings.batch,
            ),
            blocked: BlockedKeys::default(),
            wake_up: WakeUp::new(&signals, &settings),
            retry: Retry::new(settings.outage_backoff.clone()),
            status: worker_status.worker(number),
            settings: settings.clone(),
            policy,
            log: Arc::clone(&log),
            stop: worker_stop.clone(),
        };
        let workers: Vec<Worker> = (0..count).map(worker).collect();
        let task = tokio::spawn(async move {
            let lock = take_over(&starting_pool, &starting, &starting_stop, &*starting_log).await;
            let lock = lock.map(Arc::new);
            drop((starting_pool, starting));
            let run = |worker: Worker| {
                // Released by the last worker, wherever each of them is stopped.
                let lock = lock.clone();
                async move {
                    worker.run().await;
                    drop(lock);
                }
            };
            // Dropped with this task, the set stops them all.
            let mut running: JoinSet<()> = workers.into_iter().map(run).collect();
            drop(lock);
            tokio::select! {
                () = async { while running.join_next().await.is_some() {} } => {}
                never = listen => match never {},
            }
        });
        Ok(Self { status, lag, stop, task: Mutex::new(Some(task)) })
    }

    /// Fetches no further events, waits for the publishes in flight, removes what was sent and releases the partitions.
    ///
    /// When the time is over the task is stopped where it is: what was sent and not yet removed is sent again by the next
    /// relay, with the same message ids. A second call returns at once.
    ///
    /// # Cancel safety
    /// The drain continues when the future is dropped; only the waiting ends, and with it the limit.
    pub async fn drain(&self, within: Duration) -> RelayDrain {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return RelayDrain::Drained };
        if tokio::time::timeout(within, &mut task).await.is_ok() {
            return RelayDrain::Drained;
        }
        task.abort();
        // It ends at its next await; there is nothing else to wait for.
        drop(task.await);
        self.status.ended();
        RelayDrain::TimedOut
    }
}

/// How the drain of a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a drain that timed out leaves leases behind"]
pub enum RelayDrain {
    /// What was sent is removed, and the partitions are free.
    Drained,
    /// The time was over: some events may be sent again, and the partitions become free when their leases expire.
    TimedOut,
}

#[async_trait]
impl HealthCheck for Relay {
    fn name(&self) -> &'static str {
        "outbox"
    }

    async fn check(&self) -> Health {
        if let Some((lag, read_at)) = self.lag.read().await {
            self.status.set_lag(lag, read_at);
        }
        self.status.health()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("status", &self.status).finish_non_exhaustive()
    }
}
