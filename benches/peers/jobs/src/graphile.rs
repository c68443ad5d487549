//! `graphile_worker` with its local queue and completions in batches.

use std::time::{Duration, Instant};

use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, WorkerContext, WorkerOptions, WorkerUtils,
};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::{AT_ONCE, CONNECTIONS, Done, called, ended};

#[derive(Clone, Serialize, Deserialize)]
struct Noop {
    number: u64,
}

impl TaskHandler for Noop {
    const IDENTIFIER: &'static str = "noop";

    async fn run(self, _: WorkerContext) -> impl IntoTaskHandlerResult {
        called();
        Ok::<(), String>(())
    }
}

pub(crate) async fn burn_down(url: &str, jobs: u64) -> Done<Duration> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
    let worker = WorkerOptions::default()
        .pg_pool(pool.clone())
        .concurrency(AT_ONCE.into())
        .local_queue(LocalQueueConfig::default())
        .complete_job_batch_delay(Duration::from_millis(1))
        .define_job::<Noop>()
        .init()
        .await?;
    let utils = worker.create_utils();
    tokio::spawn(async move { worker.run().await });
    let left = || left(&pool);
    add(&pool, &utils, 1).await?;
    ended(1, left).await?;
    let start = add(&pool, &utils, jobs).await?;
    Ok(ended(1 + jobs, left).await? - start)
}

/// Returns the time of the commit.
async fn add(pool: &PgPool, utils: &WorkerUtils, jobs: u64) -> Done<Instant> {
    let spec = JobSpec::default();
    let jobs: Vec<(Noop, &JobSpec)> = (0..jobs).map(|number| (Noop { number }, &spec)).collect();
    let mut tx = pool.begin().await?;
    utils.clone().with_executor(&mut tx).add_jobs(&jobs).await?;
    let commit = Instant::now();
    tx.commit().await?;
    Ok(commit)
}

async fn left(pool: &PgPool) -> Done<bool> {
    let text = "SELECT NOT EXISTS (SELECT FROM graphile_worker._private_jobs)";
    Ok(sqlx::query_scalar(text).fetch_one(pool).await?)
}
