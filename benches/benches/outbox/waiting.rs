//! The relay before a short and before a very long queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use underpin_benches::Comparison;
use underpin_database::{Executor, sql};
use underpin_testkit::NatsServer;

use super::Done;
use super::limits::effort;
use super::stage::Stage;

/// Rows that wait on the average while the small queue is measured, and how many of it are timed in one go.
const SMALL: u64 = 10_000;

/// In turns the middle of a short queue and the head of a long one; then the rest of the long one, tenth by tenth.
pub(crate) fn measure(runtime: &Runtime) -> Done {
    let waiting: u64 =
        std::env::var("OUTBOX_WAITING").map_or(Ok(1_000_000), |text| text.replace('_', "").parse())?;
    let nats = Arc::new(runtime.block_on(NatsServer::private()));
    let short = runtime.block_on(Stage::beside(Arc::clone(&nats)))?;
    let long = runtime.block_on(Stage::beside(nats))?;
    runtime.block_on(long.fill(waiting))?;
    // As autovacuum does for a table that has grown.
    runtime.block_on(long.pool.execute(sql("ANALYZE underpin_outbox", [])))?;
    let failed = |error| -> Duration { unreachable!("the measurement must not fail: {error}") };
    let table = Comparison::new(format!("relaying with few and with {waiting} events waiting"), "event")
        .timed(format!("about {SMALL} waiting"), |times| {
            let pieces = times.div_ceil(SMALL);
            let took: Duration =
                (0..pieces).map(|_| runtime.block_on(middle(&short)).unwrap_or_else(failed)).sum();
            took.mul_f64(times as f64 / (pieces * SMALL) as f64)
        })
        .timed(format!("half of {waiting} waiting, or more"), |times| {
            runtime.block_on(head(&long, times, waiting)).unwrap_or_else(failed)
        })
        .run(effort());
    super::print(&table);
    runtime.block_on(rest(&long, waiting))
}

/// The time for the middle half of a queue of twice [`SMALL`].
async fn middle(stage: &Stage) -> Done<Duration> {
    stage.fill(2 * SMALL).await?;
    let mut relay = stage.relay()?;
    relay.until(SMALL / 2).await?;
    let (start, first) = (Instant::now(), relay.count());
    relay.until(first + SMALL).await?;
    let (took, done) = (start.elapsed(), relay.count() - first);
    relay.until(2 * SMALL).await?;
    relay.stop().await?;
    while !stage.is_empty().await? {}
    Ok(took.mul_f64(SMALL as f64 / done as f64))
}

/// The time for so many events at the head of the queue, which is filled up again (off the clock) before it runs short.
async fn head(stage: &Stage, events: u64, waiting: u64) -> Done<Duration> {
    let left = left(stage).await?;
    if left < waiting / 2 + events {
        stage.fill(waiting.saturating_sub(left).max(events)).await?;
    }
    let mut relay = stage.relay()?;
    relay.until(SMALL / 2).await?;
    let (start, first) = (Instant::now(), relay.count());
    relay.until(first + events).await?;
    let (took, done) = (start.elapsed(), relay.count() - first);
    relay.stop().await?;
    Ok(took.mul_f64(events as f64 / done as f64))
}

#[allow(clippy::print_stdout, reason = "printing the table is what a benchmark is for")]
async fn rest(stage: &Stage, waiting: u64) -> Done {
    let left = left(stage).await?;
    let mut relay = stage.relay()?;
    println!("### the rest of {waiting} events, tenth by tenth\n\n| left | events a second |\n|---:|---:|");
    let mut done = 0;
    for tenth in 1..=10 {
        let start = Instant::now();
        relay.until(left * tenth / 10).await?;
        let rate = (relay.count() - done) as f64 / start.elapsed().as_secs_f64();
        println!("| {} | {rate:.0} |", left - done);
        done = relay.count();
    }
    println!();
    relay.stop().await
}

async fn left(stage: &Stage) -> Done<u64> {
    let row = stage.pool.query_one(sql("SELECT count(*) FROM underpin_outbox", [])).await?;
    Ok(u64::try_from(row.ok_or("a row")?.try_get_by_index::<i64>(0)?)?)
}
