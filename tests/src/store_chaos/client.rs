use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use underpin_errors::BoxError;
use underpin_store::{
    Expect, Key, KeyValueExt, KeyValueRateLimiter, KeyValueSessions, Quota, RateLimiter, SessionId,
    SessionLife, Sessions, StoreError, Ttl,
};

use super::record::{StoreRecord, WriteOutcome, monotonic};
use super::worker::StoreWorker;
use crate::chaos::random::Random;

/// Counters that all clients increment.
pub(super) const COUNTERS: u64 = 3;
/// What all clients together may take from the limiter.
pub(super) const QUOTA: Quota = Quota::new(20, Duration::from_secs(2));
const PAUSE: Duration = Duration::from_millis(50);

/// Counts, writes registers, sets and removes, uses sessions, and takes from a limit.
pub(super) async fn run(worker: StoreWorker, mut random: Random) -> Result<(), BoxError> {
    let mut tasks = JoinSet::new();
    let mut next = || Client { worker: worker.clone(), random: Random::new(random.next()) };
    tasks.spawn(next().count());
    tasks.spawn(next().write_registers());
    tasks.spawn(next().set_and_remove());
    tasks.spawn(next().use_sessions());
    tasks.spawn(next().take());
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

struct Client {
    worker: StoreWorker,
    random: Random,
}

impl Client {
    /// Increments counters that others increment too.
    async fn count(mut self) -> Result<(), BoxError> {
        loop {
            let key = Key::new(&format!("count.{}", self.random.below(COUNTERS)))?;
            self.replace(&key, |old| old + 1).await?;
            sleep(PAUSE / 5).await;
        }
    }

    /// Writes numbers that grow under keys of its own.
    async fn write_registers(mut self) -> Result<(), BoxError> {
        loop {
            let key = Key::new(&format!("register.{}.{}", self.worker.name, self.random.below(5)))?;
            self.replace(&key, |_| monotonic()).await?;
            sleep(PAUSE / 5).await;
        }
    }

    /// Replaces a number by another one, conditionally, and tells how that ended.
    async fn replace(&self, key: &Key, change: impl Fn(u64) -> u64) -> Result<(), BoxError> {
        let (old, expect) = match self.worker.data.read_json::<u64>(key).await {
            Ok(Some((old, revision))) => (old, Expect::Revision(revision)),
            Ok(None) => (0, Expect::Absent),
            Err(error) => return self.failed("read", &error).await,
        };
        let (number, reporter) = (change(old), &self.worker.reporter);
        reporter.tell(StoreRecord::Try { key: key.to_string(), number }).await?;
        let written = self.worker.data.put_json(key, &number, expect, Ttl::Bucket).await;
        let outcome = match &written {
            Ok(_) => WriteOutcome::Written,
            Err(error) if error.is_ambiguous() => WriteOutcome::Unknown,
            Err(_) => WriteOutcome::Refused,
        };
        reporter.tell(StoreRecord::Done { key: key.to_string(), number, outcome }).await?;
        match written {
            Err(error) if !error.is_conflict() => self.failed("write", &error).await,
            _ => Ok(()),
        }
    }

    /// Sets and removes keys, for the watchers.
    async fn set_and_remove(mut self) -> Result<(), BoxError> {
        loop {
            let key = format!("churn.{}.{}", self.worker.name, self.random.below(20));
            let done = match self.random.below(3) {
                0 => self.worker.data.remove(&key).await,
                _ => self.worker.data.set(&key, monotonic().to_string()).await.map(drop),
            };
            if let Err(error) = done {
                self.failed("set or remove", &error).await?;
            }
            sleep(PAUSE / 5).await;
        }
    }

    /// A session is what was saved last, and has one id.
    async fn use_sessions(mut self) -> Result<(), BoxError> {
        let sessions = KeyValueSessions::new(Arc::clone(&self.worker.expiring) as _);
        loop {
            let life = SessionLife::new(Duration::from_secs(600), Duration::from_secs(3600));
            match sessions.create("0".into(), life).await {
                Ok(id) => self.use_session(&sessions, id).await?,
                Err(error) => self.failed("create a session", &error).await?,
            }
            sleep(PAUSE).await;
        }
    }

    async fn use_session(&mut self, sessions: &KeyValueSessions, mut id: SessionId) -> Result<(), BoxError> {
        // After an answer that was lost nobody knows what to expect.
        let (mut version, mut data) = (1, "0".to_owned());
        for step in 1..=10 {
            let found = match sessions.load(&id).await {
                Ok(found) => found,
                Err(error) => return self.failed("load a session", &error).await,
            };
            if !found.is_some_and(|found| found.version == version && found.data == data) {
                return self.broken(format!("a session is not what was saved as version {version}")).await;
            }
            if step == 5 {
                match sessions.rotate(&id).await {
                    Ok(Some(new)) => {
                        if matches!(sessions.load(&id).await, Ok(Some(_))) {
                            return self.broken("a rotated session has its old id still".to_owned()).await;
                        }
                        id = new;
                    }
                    Ok(None) => return self.broken("a session is gone".to_owned()).await,
                    Err(error) => return self.failed("rotate a session", &error).await,
                }
            }
            data = step.to_string();
            match sessions.save(&id, data.clone().into(), version).await {
                Ok(saved) => version = saved,
                Err(error) => return self.failed("save a session", &error).await,
            }
            self.worker.reporter.tell(StoreRecord::SessionStep).await?;
            sleep(PAUSE / 5).await;
        }
        match sessions.destroy(&id).await {
            Ok(()) if matches!(sessions.load(&id).await, Ok(Some(_))) => {
                self.broken("a destroyed session is there".to_owned()).await
            }
            Ok(()) => Ok(()),
            Err(error) => self.failed("destroy a session", &error).await,
        }
    }

    async fn take(self) -> Result<(), BoxError> {
        let limiter = KeyValueRateLimiter::new(Arc::clone(&self.worker.expiring) as _);
        loop {
            match limiter.take("all", 1, &QUOTA).await {
                Ok(decision) if decision.is_allowed() => {
                    self.worker.reporter.tell(StoreRecord::Taken).await?;
                }
                Ok(_) => {}
                Err(error) => self.failed("take", &error).await?,
            }
            sleep(PAUSE).await;
        }
    }

    /// An outage is waited for; what cannot pass is a broken promise.
    async fn failed(&self, operation: &str, error: &StoreError) -> Result<(), BoxError> {
        if !error.is_retryable() && !error.is_conflict() {
            self.broken(format!("{operation}: {error:?}")).await?;
        }
        sleep(PAUSE).await;
        Ok(())
    }

    async fn broken(&self, what: String) -> Result<(), BoxError> {
        self.worker.reporter.tell(StoreRecord::Broken(format!("{}: {what}", self.worker.name))).await
    }
}
