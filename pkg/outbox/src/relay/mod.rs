//! The relay: takes what the outbox holds to the broker.

mod batch;
#[cfg(test)]
mod batch_tests;
mod blocked;
mod dialect;
mod evidence;
mod lanes;
mod leases;
mod listen;
mod pace;
mod publish;
mod settling;
mod status;
mod store;
mod worker;

pub use status::OutboxLag;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use underpin_database::{Database, Pool};
use underpin_errors::{Health, HealthCheck};
use underpin_logger::Logger;
use uuid::Uuid;

use self::blocked::Blocked;
use self::evidence::{Judge, Tally};
use self::pace::{Bell, Pace};
use self::status::Status;
use self::store::Store;
use self::worker::Worker;
use super::{AfterQuarantine, Outbox, OutboxError, RelaySettings};
use underpin_events::EventPublisher;

/// Publishes what is in the outbox, in a task of its own, until it is drained.
///
/// Any number of relays work on one outbox, in one process or many. Each of their workers holds leases on some of the 32
/// lanes; the lanes are shared out evenly, and those of a relay that is not heard of any more go to the others after
/// [`RelaySettings::lease`]. A key lives in one lane, a lane belongs to one worker, and of a key one event at a time is
/// under way: that is how the order per key is kept.
///
/// A relay never gives up: while the database or the broker does not answer it backs off, says so in its health, and goes
/// on by itself. It is a [`HealthCheck`] named `outbox`; trouble is `degraded`, since a service can take work all the same.
///
/// Dropping it stops it at once, as a fallback; its lanes then wait for the lease to end. [`Relay::drain`] is how it
/// should end.
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
    status: Arc<Status>,
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
        let (status, stop) = (Status::new(count, settings.lag_warning), CancellationToken::new());
        let ears = listen::forward(pool.clone(), outbox.bell().clone(), Arc::clone(&log));
        let (seats, bell, stopped) = (Arc::clone(&status), outbox.bell().clone(), stop.clone());
        let hold_after_quarantine = outbox.settings().after_quarantine == AfterQuarantine::Hold;
        let (database, tally): (Arc<dyn Database>, _) = (Arc::new(pool.clone()), Arc::new(Tally::default()));
        let workers: Vec<Worker> = (0..count)
            .map(move |number| Worker {
                store: Store::new(
                    Arc::clone(&database),
                    Uuid::now_v7().to_string().into(),
                    settings.database_timeout,
                ),
                publisher: Arc::clone(&publisher),
                hold_after_quarantine,
                log: Arc::clone(&log),
                seat: seats.seat(number),
                stop: stopped.clone(),
                wake: bell.listen(),
                lanes_free: bell.listen_for_lanes(),
                tell: bell.clone(),
                lanes: lanes::Lanes::default(),
                lease_until: None,
                next_heartbeat: Instant::now(),
                blocked: Blocked::default(),
                judge: Judge::new(Arc::clone(&tally)),
                unsettled: None,
                one_by_one: false,
                pace: Pace::new(settings.poll),
                bell: Bell::On,
                failures: 0,
                settings: settings.clone(),
            })
            .collect();
        let task = tokio::spawn(async move {
            // Dropped with this task, the set stops them all.
            let mut running: JoinSet<()> = workers.into_iter().map(Worker::run).collect();
            tokio::select! {
                () = async { while running.join_next().await.is_some() {} } => {}
                () = ears => {}
            }
        });
        Ok(Self { status, stop, task: Mutex::new(Some(task)) })
    }

    /// Takes no further events, finishes the wave that is under way, writes down what was sent and gives the lanes back.
    ///
    /// When the time is over the task is stopped where it is: what was sent and not yet written down is sent again by the
    /// next relay, with the same message ids. A second call returns at once.
    ///
    /// # Cancel safety
    /// The drain goes on when the future is dropped; only the waiting ends, and with it the limit.
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
    /// What was sent is written down, and the lanes are free.
    Drained,
    /// The time was over: some events may be sent again, and the lanes become free when their leases end.
    TimedOut,
}

#[async_trait]
impl HealthCheck for Relay {
    fn name(&self) -> &'static str {
        "outbox"
    }

    async fn check(&self) -> Health {
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
