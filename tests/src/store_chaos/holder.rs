use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use nix::sys::signal::raise;
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::sleep;
use underpin_errors::BoxError;
use underpin_store::{KeyValueLocks, Lease, Locks, StoreError};

use super::record::{Fate, StoreRecord, monotonic};
use super::worker::StoreWorker;
use crate::chaos::random::Random;

/// Seconds that the wall clock of this process is ahead.
static AHEAD: AtomicI64 = AtomicI64::new(0);
/// The most that it ever was: a clock that is set forward passes the end of every lease, also of one that began before it was set back.
static FURTHEST: AtomicI64 = AtomicI64::new(0);

fn wall_clock() -> SystemTime {
    let ahead = AHEAD.load(Ordering::SeqCst);
    let by = Duration::from_secs(ahead.unsigned_abs());
    if ahead < 0 { SystemTime::now() - by } else { SystemTime::now() + by }
}

/// Held by the task that freezes the process or sets its clock: each SIGSTOP has its SIGCONT, and no clock is set back before the effect of
/// setting it forward was seen.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Takes each lock again and again.
pub(super) async fn run(
    worker: StoreWorker,
    count: u32,
    lease: Duration,
    mut random: Random,
) -> Result<(), BoxError> {
    let locks = KeyValueLocks::new(Arc::clone(&worker.expiring) as _).wall_clock(wall_clock);
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let holder = Holder {
            worker: worker.clone(),
            locks: locks.clone(),
            name: format!("lock.{number}"),
            length: lease,
            random: Random::new(random.next()),
        };
        tasks.spawn(holder.run());
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

struct Holder {
    worker: StoreWorker,
    locks: KeyValueLocks,
    name: String,
    length: Duration,
    random: Random,
}

impl Holder {
    async fn run(mut self) -> Result<(), BoxError> {
        loop {
            match self.locks.acquire(&self.name, self.length, Duration::from_secs(20)).await {
                Ok(lease) => self.hold(lease).await?,
                Err(error) if error.is_retryable() => sleep(Duration::from_millis(20)).await,
                Err(error) => {
                    self.broken(format!("acquire: {error:?}")).await?;
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// What happens to a holder. Most rounds are quiet.
    fn fate(&mut self) -> Fate {
        match self.random.below(1000) {
            0..12 => Fate::Frozen,
            12..18 => Fate::Killed,
            18..45 => Fate::ClockForward,
            45..60 => Fate::ClockBack,
            60..160 => Fate::Dropped,
            _ => Fate::Released,
        }
    }

    async fn hold(&mut self, lease: Lease) -> Result<(), BoxError> {
        self.claim(&lease).await?;
        self.worker.reporter.write(&self.name, lease.token()).await?;
        sleep(self.random.between(Duration::ZERO, Duration::from_millis(15))).await;
        self.claim(&lease).await?;
        let fate = self.fate();
        let needs = matches!(fate, Fate::Frozen | Fate::ClockForward | Fate::ClockBack);
        let alone = if needs { Some(ALONE.lock().await) } else { None };
        if fate == Fate::Frozen {
            return self.freeze(lease).await;
        }
        self.worker.reporter.tell(StoreRecord::Fate(fate)).await?;
        match fate {
            Fate::Dropped | Fate::Frozen => {}
            Fate::Released => return self.release(lease).await,
            Fate::Killed => kill_process(getpid(), Signal::KILL)?,
            Fate::ClockForward => {
                let seconds = self.length.as_secs() + 1 + self.random.below(3600);
                let ahead = FURTHEST.load(Ordering::SeqCst) + i64::try_from(seconds)?;
                FURTHEST.store(ahead, Ordering::SeqCst);
                AHEAD.store(ahead, Ordering::SeqCst);
                self.claim(&lease).await?;
                self.late(&lease).await?;
                // Where it does not ask, the fence decides.
                self.worker.reporter.write(&self.name, lease.token()).await?;
            }
            Fate::ClockBack => {
                AHEAD.fetch_sub(i64::try_from(1 + self.random.below(3600))?, Ordering::SeqCst);
                drop(alone);
                // Over a renewal.
                for _ in 0..5 {
                    sleep(self.length / 10).await;
                    self.claim(&lease).await?;
                }
            }
        }
        Ok(())
    }

    /// Freezes the process at the worst spot, until another holder has written: this one has looked, and is about to write.
    async fn freeze(&self, lease: Lease) -> Result<(), BoxError> {
        let (worker, lock) = (self.worker.name.clone(), self.name.clone());
        let freeze = StoreRecord::Freeze { worker, lock, token: lease.token() };
        if !lease.is_held() || !self.worker.reporter.ask(freeze).await? {
            return self.release(lease).await;
        }
        // To this thread: of a signal to the process another thread may learn first, and this one would go on for a while.
        raise(nix::sys::signal::Signal::SIGSTOP)?;
        self.claim(&lease).await?;
        // Another fault may have woken it before there was another holder.
        if !self.worker.reporter.write(&self.name, lease.token()).await? {
            self.late(&lease).await?;
        }
        self.worker.reporter.tell(StoreRecord::Awake).await
    }

    /// A holder after its lease: `run` stops it.
    async fn late(&self, lease: &Lease) -> Result<(), BoxError> {
        let acted = lease.run(async { Ok::<_, StoreError>(()) }).await;
        if acted.is_ok() {
            self.broken(format!("{}: it acts after its lease", self.name)).await?;
        }
        Ok(())
    }

    async fn release(&self, lease: Lease) -> Result<(), BoxError> {
        match lease.release().await {
            Err(error) if !error.is_retryable() => self.broken(format!("release: {error:?}")).await,
            _ => Ok(()),
        }
    }

    /// Says that it counts as the holder, if it does. The clock is read before and after.
    async fn claim(&self, lease: &Lease) -> Result<(), BoxError> {
        let from = monotonic();
        let held = lease.is_held();
        let until = monotonic();
        if held {
            let (lock, token) = (self.name.clone(), lease.token());
            self.worker.reporter.tell(StoreRecord::Claim { lock, token, from, until }).await?;
        }
        Ok(())
    }

    async fn broken(&self, what: String) -> Result<(), BoxError> {
        let what = format!("{}: {what}", self.worker.name);
        self.worker.reporter.tell(StoreRecord::Broken(what)).await
    }
}
