//! A backlog-free load while another transaction holds its snapshot, so that no dead row can be removed.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use underpin_database::{DatabaseExt, TxOptions};
use underpin_jobs::JobsError;

use super::stage::{Noop, Stage};
use super::{Done, number};

/// Jobs a second, each enqueued in a transaction.
const RATE: u32 = 500;

pub(crate) fn measure(runtime: &Runtime) -> Done {
    runtime.block_on(hold(number("JOBS_SNAPSHOT", 600)?))
}

#[allow(clippy::print_stdout, reason = "printing the table is what a benchmark is for")]
async fn hold(seconds: u64) -> Done {
    let stage = Stage::set().await?;
    let working = stage.work::<Noop>()?;
    stage.enqueue::<Noop>(100).await?;
    stage.until_ended(&working, 100).await?;
    let mut holder = PgConnection::connect(stage.database.url()).await?;
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM underpin_job")
        .execute(&mut holder)
        .await?;
    println!(
        "### {RATE} jobs a second beside a held snapshot\n\n| second | jobs a second | waiting | dead rows |\n|---:|---:|---:|---:|"
    );
    let (start, mut ticks) = (Instant::now(), interval(Duration::from_secs(1) / RATE));
    // The load does not wait for a system that is slow.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (part, mut producers) = (seconds.div_ceil(10).max(1), JoinSet::new());
    for tenth in 1..=10 {
        let before = working.calls();
        while start.elapsed() < Duration::from_secs(part * tenth) {
            ticks.tick().await;
            let (pool, jobs) = (stage.pool.clone(), stage.jobs.clone());
            producers.spawn(async move {
                let (jobs, job) = (&jobs, &Noop::from(0));
                let work = |tx| async move { jobs.enqueue(&tx, job).await };
                pool.transaction::<_, JobsError, _, _>(TxOptions::default(), work).await
            });
            while let Some(done) = producers.try_join_next() {
                done??;
            }
        }
        let rate = (working.calls() - before) as f64 / part as f64;
        let waiting = stage.count("SELECT count(*) FROM underpin_job WHERE run IS NULL").await?;
        let dead =
            stage.count("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'underpin_job'").await?;
        println!("| {} | {rate:.0} | {waiting} | {dead} |", part * tenth);
    }
    println!();
    holder.close().await?;
    while let Some(done) = producers.join_next().await {
        done??;
    }
    working.stop().await
}
