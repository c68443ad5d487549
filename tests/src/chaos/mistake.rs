use std::path::Path;
use std::time::Duration;

use underpin_errors::BoxError;

use super::check::check;
use super::observations::{Observations, wait_until_idle};
use super::testbed::Testbed;
use super::violation::Violation;
use super::worker::{CrashPoint, Enqueue, InboxUse, ProducerSettings, Role};

const LIMIT: Duration = Duration::from_secs(60);
/// Transfers in all, and the one after whose commit a process crashes.
const TRANSFERS: u64 = 10;
const FATAL: u64 = 4;

/// Ways to use the crates, right and wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// None: inbox on, enqueue inside the transaction.
    None,
    /// Effects without the inbox.
    NoInbox,
    /// The event is enqueued after the commit, in a second transaction.
    EnqueueOutside,
}

/// Makes a mistake and lets a process die at the spot where it matters: a consumer between the commit of an effect and its
/// acknowledgement, the producer right after the commit of a transfer. Returns what the check says.
///
/// There is no chance in it: each dies by its own hand, exactly there, exactly once.
///
/// # Errors
/// When the servers cannot be had or the scene does not play as it should.
pub async fn make(mistake: Mistake, program: &Path, folder: &Path) -> Result<Vec<Violation>, BoxError> {
    let enqueue = if mistake == Mistake::EnqueueOutside { Enqueue::AfterCommit } else { Enqueue::Inside };
    let inbox = if mistake == Mistake::NoInbox { InboxUse::Off } else { InboxUse::On };
    std::fs::create_dir_all(folder)?;
    let mut testbed = Testbed::set(program, folder).await?;
    testbed.start("relay-1", Role::Relay, None).await?;
    testbed.start("consumer-1", Role::Consumer(inbox), Some(CrashPoint::AfterCommit(FATAL))).await?;
    let producer = ProducerSettings { seed: 1, writers: 1, rate: 50, most: Some(TRANSFERS), enqueue };
    testbed.start("producer", Role::Producer(producer), Some(CrashPoint::AfterCommit(FATAL))).await?;
    for name in ["producer", "consumer-1"] {
        let worker = testbed.worker(name)?;
        let mut process = worker.lock().await;
        let ended = process.wait(LIMIT).await.ok_or_else(|| format!("{name} did not die"))?;
        if ended.success() {
            return Err(format!("{name} ended well, and should have died").into());
        }
        process.task_mut().crash_point = None;
        process.start_again()?;
    }
    let producer = testbed.worker("producer")?;
    let done = producer.lock().await.wait(LIMIT).await;
    if !done.is_some_and(|status| status.success()) {
        return Err("the producer did not finish".into());
    }
    wait_until_idle(&testbed, LIMIT).await?;
    let mut incidents = Vec::new();
    for name in ["relay-1", "consumer-1"] {
        incidents.extend(testbed.worker(name)?.lock().await.stop(LIMIT).await.err().map(|e| e.to_string()));
    }
    Ok(check(&Observations::collect(&testbed, incidents).await?))
}
