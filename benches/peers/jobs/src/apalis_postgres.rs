//! apalis-postgres as its first example sets it up, with 64 for the batch and for the tasks at once.

use std::time::{Duration, Instant};

use apalis::layers::WorkerBuilderExt as _;
use apalis::prelude::{BoxDynError, TaskBuilder, WorkerBuilder};
use apalis_postgres::{Config, PgPool, PostgresStorage, queries};
use sqlx::postgres::PgPoolOptions;

use crate::{AT_ONCE, CONNECTIONS, Done, called, ended};

const QUEUE: &str = "bench";

async fn noop(_: u64) -> Result<(), BoxDynError> {
    called();
    Ok(())
}

pub(crate) async fn burn_down(url: &str, jobs: u64) -> Done<Duration> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
    PostgresStorage::setup(&pool).await?;
    let config = Config::default().queue(QUEUE).batch_size(usize::from(AT_ONCE)).lock_tasks(false);
    let backend = PostgresStorage::<u64>::new(&pool).with_config(config).with_pubsub();
    let worker = WorkerBuilder::new("bench").backend(backend).concurrency(usize::from(AT_ONCE)).build(noop);
    tokio::spawn(worker.run());
    let left = || left(&pool);
    push(&pool, 1).await?;
    ended(1, left).await?;
    let start = push(&pool, jobs).await?;
    Ok(ended(1 + jobs, left).await? - start)
}

/// Returns the time of the commit.
async fn push(pool: &PgPool, jobs: u64) -> Done<Instant> {
    let numbers: Vec<u64> = (0..jobs).collect();
    let mut tx = pool.begin().await?;
    for chunk in numbers.chunks(1000) {
        let tasks = chunk.iter().map(|number| Ok(TaskBuilder::new(serde_json::to_vec(number)?).build()));
        queries::push_tasks(&mut *tx, QUEUE, tasks.collect::<Done<_>>()?).await?;
    }
    let commit = Instant::now();
    tx.commit().await?;
    Ok(commit)
}

async fn left(pool: &PgPool) -> Done<bool> {
    let text = "SELECT NOT EXISTS (SELECT FROM apalis.jobs WHERE status <> 'Done')";
    Ok(sqlx::query_scalar(text).fetch_one(pool).await?)
}
