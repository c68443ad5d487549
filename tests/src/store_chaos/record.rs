use std::collections::BTreeMap;
use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;
use underpin_errors::BoxError;

/// What a worker tells the driver: one line of JSON each, over a connection that survives the worker's death.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum StoreRecord {
    /// A holder counted as one at some time between these two.
    Claim { lock: String, token: u64, from: u64, until: u64 },
    /// A write to the resource behind a lock. It is answered.
    Write { lock: String, token: u64 },
    /// What a holder does to itself.
    Fate(Fate),
    /// A holder asks to freeze its process until another one has written behind the same lock. It is answered: one freezes at a time, so
    /// that the others go on.
    Freeze { worker: String, lock: String, token: u64 },
    /// It is awake again.
    Awake,
    /// A conditional write of a number begins.
    Try { key: String, number: u64 },
    /// How the last one of this key and number ended.
    Done { key: String, number: u64, outcome: WriteOutcome },
    /// A limiter let somebody pass.
    Taken,
    /// A session was saved, loaded, rotated or destroyed.
    SessionStep,
    /// Everything that a watcher knows, when it has seen the end.
    State { watcher: String, entries: BTreeMap<String, String> },
    /// A promise that a worker saw broken.
    Broken(String),
}

/// What a holder does to itself while it has a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Fate {
    Released,
    Dropped,
    /// SIGSTOP between the check and the write; the driver resumes it when the next holder has written.
    Frozen,
    /// SIGKILL.
    Killed,
    /// Its wall clock jumps forward by more than a lease.
    ClockForward,
    /// Its wall clock jumps back.
    ClockBack,
}

/// How a write ended, as far as its writer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum WriteOutcome {
    /// It was acknowledged.
    Written,
    /// It may have been written.
    Unknown,
    /// It was not written.
    Refused,
}

/// Nanoseconds of the machine's monotonic clock, which all processes share.
pub(super) fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(nanos.unwrap_or(0))
}

/// The worker's end of the connection to the driver.
#[derive(Clone)]
pub(super) struct Reporter {
    records: Arc<Mutex<OwnedWriteHalf>>,
    /// Apart, so that the other connection never has an answer that nobody reads.
    asked: Arc<Mutex<(BufReader<OwnedReadHalf>, OwnedWriteHalf)>>,
}

impl Reporter {
    pub(super) async fn connect(address: &str) -> Result<Self, BoxError> {
        let (_, records) = TcpStream::connect(address).await?.into_split();
        let (answers, writes) = TcpStream::connect(address).await?.into_split();
        let asked = Arc::new(Mutex::new((BufReader::new(answers), writes)));
        Ok(Self { records: Arc::new(Mutex::new(records)), asked })
    }

    /// Returns when the kernel has it: a worker that is killed then has told it.
    pub(super) async fn tell(&self, record: StoreRecord) -> Result<(), BoxError> {
        let line = serde_json::to_string(&record)? + "\n";
        Ok(self.records.lock().await.write_all(line.as_bytes()).await?)
    }

    /// Writes to the resource with a fencing token; false when the resource has seen a larger one.
    pub(super) async fn write(&self, lock: &str, token: u64) -> Result<bool, BoxError> {
        self.ask(StoreRecord::Write { lock: lock.to_owned(), token }).await
    }

    /// What the driver answers to a record.
    pub(super) async fn ask(&self, record: StoreRecord) -> Result<bool, BoxError> {
        let line = serde_json::to_string(&record)? + "\n";
        let mut asked = self.asked.lock().await;
        let (answers, records) = &mut *asked;
        records.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        answers.read_line(&mut answer).await?;
        Ok(answer.trim() == "yes")
    }
}
