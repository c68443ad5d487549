//! Burns down no-op jobs with the queues that are Rust crates: `peer-jobs PEER URL JOBS`, in an empty database.
//!
//! Tables and workers are there, and one job has run, before the clock starts. All jobs are committed together; the clock runs from
//! the commit until the last end is committed. Prints the nanoseconds.

mod apalis_postgres;
mod awa_pg;
mod graphile;
mod pgmq_sql;

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Jobs that run at once.
const AT_ONCE: u16 = 64;
/// Connections of a pool, at most.
const CONNECTIONS: u32 = 25;
/// For how long a peer may take.
const LIMIT: Duration = Duration::from_secs(120);

/// The calls of the handler.
static CALLS: AtomicU64 = AtomicU64::new(0);

#[tokio::main]
async fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [peer, url, jobs] = arguments.as_slice() else { return Err("peer-jobs PEER URL JOBS".into()) };
    let jobs: u64 = jobs.parse()?;
    let work = async {
        match peer.as_str() {
            "apalis" => apalis_postgres::burn_down(url, jobs).await,
            "awa" => awa_pg::burn_down(url, jobs).await,
            "graphile" => graphile::burn_down(url, jobs).await,
            "pgmq" => pgmq_sql::burn_down(url, jobs).await,
            _ => Err(format!("no peer {peer}").into()),
        }
    };
    let took = tokio::time::timeout(LIMIT, work)
        .await
        .map_err(|_| format!("{peer}: {} calls in time", calls()))??;
    println!("{}", took.as_nanos());
    // Workers without work are not worth a shutdown.
    std::process::exit(0)
}

fn called() {
    CALLS.fetch_add(1, Ordering::Relaxed);
}

fn calls() -> u64 {
    CALLS.load(Ordering::Relaxed)
}

/// Waits until the handler was called so often, and then until the condition holds.
async fn ended<F: Future<Output = Done<bool>>>(jobs: u64, all_ended: impl Fn() -> F) -> Done<Instant> {
    while calls() < jobs {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    while !all_ended().await? {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(Instant::now())
}
