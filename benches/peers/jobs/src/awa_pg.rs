//! awa with its queue storage and its defaults, and 64 workers.

use std::time::{Duration, Instant};

use awa::{Client, InsertParams, JobArgs, JobResult, QueueConfig, migrations};
use serde::{Deserialize, Serialize};
use sqlx_08::postgres::{PgPool, PgPoolOptions};

use crate::{AT_ONCE, CONNECTIONS, Done, called, ended};

#[derive(Serialize, Deserialize, JobArgs)]
struct Noop {
    number: u64,
}

pub(crate) async fn burn_down(url: &str, jobs: u64) -> Done<Duration> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
    migrations::run(&pool).await?;
    let client = Client::builder(pool.clone())
        .queue("default", QueueConfig { max_workers: AT_ONCE.into(), ..QueueConfig::default() })
        .register::<Noop, _, _>(|_, _| async {
            called();
            Ok(JobResult::Completed)
        })
        .build()?;
    client.start().await?;
    // A job is in flight until its completion is committed.
    let is_idle = async || Ok(client.health_check().await.queues.values().all(|queue| queue.in_flight == 0));
    insert(&pool, 1).await?;
    ended(1, is_idle).await?;
    let start = insert(&pool, jobs).await?;
    Ok(ended(1 + jobs, is_idle).await? - start)
}

/// Returns the time of the commit.
async fn insert(pool: &PgPool, jobs: u64) -> Done<Instant> {
    let params: Vec<InsertParams> =
        (0..jobs).map(|number| awa::model::insert::params(&Noop { number })).collect::<Result<_, _>>()?;
    let mut tx = pool.begin().await?;
    awa::insert_many_copy(&mut tx, &params).await?;
    let commit = Instant::now();
    tx.commit().await?;
    Ok(commit)
}
