use std::path::Path;
use std::time::Duration;

use underpin_database::{Executor, Pool, sql};
use underpin_errors::BoxError;
use underpin_testkit::{Fault as NetworkFault, poll};

use super::check::check;
use super::fault::Server;
use super::journal::Journal;
use super::observations::{Observations, wait_until_idle};
use super::testbed::Testbed;
use super::violation::Violation;
use super::worker::{Enqueue, InboxUse, ProducerSettings, Role, WorkerSettings};

const LIMIT: Duration = Duration::from_secs(60);
/// Enough for a dozen windows of the twelve accounts.
const TRANSFERS: u64 = 150;

/// What a relay did that was frozen in the middle of a batch, and woken after its partitions were leased to another.
#[derive(Debug)]
pub struct FreezeOutcome {
    /// What the check says at the end.
    pub violations: Vec<Violation>,
    /// Events that it had yet to publish when it was frozen.
    pub left: u64,
    /// Events that it published again after it was woken: at most what was on the wire.
    pub repeated: u64,
}

/// Freezes a relay (SIGSTOP) while it works on a batch, lets another take over and finish, wakes it, and lets both work on.
///
/// # Errors
/// When the servers cannot be had or the scene does not play as it should.
pub async fn freeze_and_resume(program: &Path, folder: &Path) -> Result<FreezeOutcome, BoxError> {
    std::fs::create_dir_all(folder)?;
    let mut testbed = Testbed::set(program, folder).await?;
    let database = testbed.database().await?;
    let producer =
        ProducerSettings { seed: 3, writers: 1, rate: 1000, most: Some(TRANSFERS), enqueue: Enqueue::Inside };
    testbed.start("producer", Role::Producer(producer), None).await?;
    finish(&testbed, "producer").await?;

    testbed.start("relay-1", Role::Relay, None).await?;
    // Slow enough to be frozen half-way, and not so slow that a publish runs out of its time.
    testbed.set_link(("relay-1", Server::Nats), NetworkFault::Latency(Duration::from_millis(100)))?;
    until("relay-1 has published something", || async { Ok(Journal::of(folder, "relay-1")?.published > 0) })
        .await?;
    let relay = testbed.worker("relay-1")?;
    let frozen = relay.lock().await;
    frozen.freeze();
    testbed.set_link(("relay-1", Server::Nats), NetworkFault::None)?;
    let before = Journal::of(folder, "relay-1")?;

    testbed.start("relay-2", Role::Relay, None).await?;
    until("relay-2 has published everything", || async { Ok(rows(&database).await? == 0) }).await?;
    frozen.resume();
    let workers = 2 * i64::from(WorkerSettings::relay().workers);
    until("both relays have partitions", || async { Ok(owners(&database).await? == workers) }).await?;
    let after = Journal::of(folder, "relay-1")?;
    drop(frozen);

    testbed.start("consumer-1", Role::Consumer(InboxUse::On), None).await?;
    let producer = testbed.worker("producer")?;
    producer.lock().await.start_again()?;
    finish(&testbed, "producer").await?;
    wait_until_idle(&testbed, LIMIT).await?;
    let mut incidents = Vec::new();
    for name in ["relay-1", "relay-2", "consumer-1"] {
        incidents.extend(testbed.worker(name)?.lock().await.stop(LIMIT).await.err().map(|e| e.to_string()));
    }
    database.close(Duration::from_secs(5)).await;
    Ok(FreezeOutcome {
        violations: check(&Observations::collect(&testbed, incidents).await?),
        left: TRANSFERS.saturating_sub(before.published),
        repeated: after.published + after.dropped_by_broker - before.published - before.dropped_by_broker,
    })
}

async fn finish(testbed: &Testbed, name: &str) -> Result<(), BoxError> {
    let worker = testbed.worker(name)?;
    let done = worker.lock().await.wait(LIMIT).await;
    if done.is_some_and(|status| status.success()) {
        return Ok(());
    }
    Err(format!("{name} did not finish").into())
}

/// Waits until it holds. A failed check ends the wait.
async fn until<F: Future<Output = Result<bool, BoxError>>>(
    what: &str,
    mut holds: impl FnMut() -> F,
) -> Result<(), BoxError> {
    let look = || {
        let held = holds();
        async { held.await.map(|held| held.then_some(())).transpose() }
    };
    let never = || Err(format!("waited for {LIMIT:?} until {what}").into());
    poll(LIMIT, look).await.unwrap_or_else(never)
}

async fn rows(database: &Pool) -> Result<i64, BoxError> {
    one(database, "SELECT count(*) FROM underpin_outbox").await
}

async fn owners(database: &Pool) -> Result<i64, BoxError> {
    one(database, "SELECT count(DISTINCT owner) FROM underpin_outbox_lanes").await
}

async fn one(database: &Pool, text: &str) -> Result<i64, BoxError> {
    Ok(database.query_one(sql(text, [])).await?.ok_or("no row")?.try_get_by_index(0)?)
}
