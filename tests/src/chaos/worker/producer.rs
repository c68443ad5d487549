use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use underpin_database::{DatabaseError, DatabaseExt, Pool, TxOptions};
use underpin_errors::BoxError;
use underpin_events::InvalidEventError;
use underpin_logger::{Context, Logger, warn};
use underpin_outbox::{Outbox, OutboxError};
use uuid::Uuid;

use super::{CrashPoint, Enqueue, ProducerSettings, WorkerSettings, connect, crash::crash};
use crate::chaos::bank::{ACCOUNTS, Transfer, book};
use crate::chaos::random::Random;

/// What a request to a service would be given.
const LIMIT: Duration = Duration::from_secs(8);

/// Moves money until it is stopped.
pub(super) async fn run(
    settings: &WorkerSettings,
    how: ProducerSettings,
    log: &Arc<dyn Logger>,
    stop: &CancellationToken,
) -> Result<(), BoxError> {
    let Some(pool) = connect::database(settings, log, stop).await? else { return Ok(()) };
    let producer = Arc::new(Producer {
        pool,
        outbox: Outbox::default(),
        crash_point: settings.crash_point,
        committed: AtomicU64::new(0),
        acknowledged: Mutex::new(File::options().append(true).create(true).open(settings.acknowledged())?),
        log: Arc::clone(log),
        how,
    });
    let mut writers = JoinSet::new();
    for writer in 0..producer.how.writers {
        writers.spawn(Arc::clone(&producer).write(u64::from(writer), stop.clone()));
    }
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    producer.pool.close(Duration::from_secs(2)).await;
    Ok(())
}

struct Producer {
    pool: Pool,
    outbox: Outbox,
    how: ProducerSettings,
    crash_point: Option<CrashPoint>,
    committed: AtomicU64,
    acknowledged: Mutex<File>,
    log: Arc<dyn Logger>,
}

#[derive(Debug, thiserror::Error)]
enum BookingError {
    #[error("could not book")]
    Database(#[from] DatabaseError),
    #[error("could not enqueue")]
    Outbox(#[from] OutboxError),
    #[error("could not build the event")]
    Event(#[from] InvalidEventError),
    #[error("no answer in time")]
    Timeout,
}

impl Producer {
    /// Every account pays in each round, so that none is quiet for long.
    async fn write(self: Arc<Self>, writer: u64, stop: CancellationToken) -> Result<(), BoxError> {
        // Another schedule after each restart: the process id is in it.
        let mut random = Random::new(self.how.seed ^ writer.rotate_right(8) ^ u64::from(std::process::id()));
        let mut accounts: Vec<i32> = (0..ACCOUNTS).collect();
        let pace = Duration::from_secs(1) * self.how.writers / self.how.rate.max(1);
        let mut tick = interval(pace.max(Duration::from_millis(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut done = 0;
        loop {
            random.shuffle(&mut accounts);
            for source in &accounts {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    _ = tick.tick() => {}
                }
                let hop = i32::try_from(random.below(u64::from(ACCOUNTS.unsigned_abs()) - 1))? + 1;
                let target = (source + hop).rem_euclid(ACCOUNTS);
                let amount = i64::try_from(random.below(500))? + 1;
                let booked = timeout(LIMIT, self.transfer((*source, target), amount)).await;
                if let Err(error) = booked.unwrap_or(Err(BookingError::Timeout)) {
                    // Whether it was committed is for the database to say. The next one has a new id.
                    warn!(self.log, &Context::background(), &error, "transfer not acknowledged");
                }
                done += 1;
                if self.how.most == Some(done) {
                    return Ok(());
                }
            }
        }
    }

    async fn transfer(&self, accounts: (i32, i32), amount: i64) -> Result<(), BookingError> {
        let id = Uuid::new_v4().to_string();
        let work = |tx| {
            let id = id.as_str();
            async move {
                let transfer = book(&tx, id, accounts, amount).await?;
                if let (Enqueue::Inside, Some(transfer)) = (self.how.enqueue, &transfer) {
                    self.outbox.enqueue(&tx, &transfer.event()?).await?;
                }
                Ok::<_, BookingError>(transfer)
            }
        };
        let Some(transfer) = self.pool.transaction(TxOptions::default(), work).await? else { return Ok(()) };
        let committed = self.committed.fetch_add(1, Ordering::SeqCst) + 1;
        if self.crash_point == Some(CrashPoint::AfterCommit(committed)) {
            crash(&self.log);
        }
        if self.how.enqueue == Enqueue::AfterCommit {
            self.enqueue_too_late(&transfer).await?;
        }
        self.acknowledge(&transfer);
        Ok(())
    }

    async fn enqueue_too_late(&self, transfer: &Transfer) -> Result<(), BookingError> {
        let work =
            |tx| async move { Ok::<_, BookingError>(self.outbox.enqueue(&tx, &transfer.event()?).await?) };
        self.pool.transaction(TxOptions::default(), work).await
    }

    /// One write of one line: it is there as a whole or not at all, also when we are killed.
    fn acknowledge(&self, transfer: &Transfer) {
        let line = format!("{}\n", transfer.id);
        let written =
            self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
        if let Err(error) = written {
            warn!(self.log, &Context::background(), &error, "acknowledgement not noted");
        }
    }
}
