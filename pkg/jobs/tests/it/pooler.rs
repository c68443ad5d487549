//! Workers and cron behind pgbouncer in transaction mode, where every transaction may run in another server session.

use std::sync::Arc;

use underpin_database::{DatabaseSettings, Executor, Pool, PoolingMode, connect, sql};
use underpin_jobs::cron::CronEntry;
use underpin_jobs::{Workers, WorkersDrain};
use underpin_logger::NoopLogger;
use underpin_testkit::Pooler;

use crate::support::{Calls, LIMIT, count, enqueue, jobs, quick, until, work};

async fn pool_to(pooler: &Pooler) -> Pool {
    let mut settings = DatabaseSettings::new(pooler.url());
    settings.pooling_mode = PoolingMode::TransactionPooler;
    settings.acquire_timeout = LIMIT;
    settings.connect_timeout = LIMIT;
    connect(&settings, Arc::new(NoopLogger)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_poll_and_ticks_fire_once_without_listen() {
    let pooler = Pooler::start().await;
    let pool = pool_to(&pooler).await;
    let first = jobs(&pool);
    first.migrate().await.unwrap();
    let calls = Calls::default();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        // Other jobs share no signal with the producer's: the workers only poll.
        let own = jobs(&pool_to(&pooler).await);
        let entry = CronEntry::new("secondly", "* * * * * *", &work(1_000_000));
        replicas
            .push(Workers::builder(&own).settings(quick()).on(calls.route()).cron(entry).start().unwrap());
    }
    for round in 0..10 {
        enqueue(&first, &pool, round * 10..round * 10 + 10).await;
        if round == 5 {
            drop(replicas.remove(0));
        }
    }
    until("all ran, and three ticks", || async { calls.len() == 101 && calls.of(1_000_000) >= 3 }).await;
    for replica in replicas {
        assert_eq!(replica.drain(LIMIT).await, WorkersDrain::Drained);
    }
    // Each tick has one job, and no job is of no tick.
    let fired = count(&pool, "SELECT count(DISTINCT at) FROM underpin_job_tick").await;
    let ran = "SELECT count(*) FROM underpin_job_tick t JOIN (SELECT id FROM underpin_job UNION ALL \
               SELECT id FROM underpin_job_history) j ON j.id = t.job";
    assert_eq!(count(&pool, ran).await, fired);
    pool.execute(sql("SELECT 1", [])).await.unwrap();
}
