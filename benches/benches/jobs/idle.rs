//! What workers without work cost the server.

use std::time::Duration;

use tokio::runtime::Runtime;

use super::Done;
use super::stage::{Noop, Stage};

const SECONDS: i64 = 30;

#[allow(clippy::print_stdout, reason = "printing the table is what a benchmark is for")]
pub(crate) fn measure(runtime: &Runtime) -> Done {
    let (statements, connections) = runtime.block_on(idle())?;
    println!(
        "### idle workers, in {SECONDS} seconds\n\n| statements a second | connections in use |\n|---:|---:|"
    );
    println!("| {:.2} | {connections} |\n", statements as f64 / SECONDS as f64);
    Ok(())
}

async fn idle() -> Done<(i64, usize)> {
    let stage = Stage::set().await?;
    let other = Stage::set().await?;
    let working = stage.work::<Noop>()?;
    stage.enqueue::<Noop>(100).await?;
    stage.until_ended(&working, 100).await?;
    // The first quick polls, and what connections report late.
    tokio::time::sleep(Duration::from_secs(15)).await;
    // The server counts a statement outside of a transaction as a transaction.
    let name = stage.database.name();
    let sent = format!("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{name}'");
    let before = other.count(&sent).await?;
    tokio::time::sleep(Duration::from_secs(SECONDS.unsigned_abs())).await;
    let statements = other.count(&sent).await? - before;
    let connections = stage.pool.stats().in_use;
    working.stop().await?;
    Ok((statements, connections))
}
