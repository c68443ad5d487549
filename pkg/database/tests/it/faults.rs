//! A server that is killed, frozen and shut down under fifty workers that move money: errors are bounded, no worker hangs,
//! the pool is whole again at once, and the sum never changes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::common::{LIMIT, number, yardstick};
use tokio::task::JoinHandle;
use underpin_database::{
    DatabaseError, DatabaseExt, DatabaseSettings, Executor, Pool, TxOptions, connect, sql,
};
use underpin_logger::NoopLogger;
use underpin_testkit::{Direction, Fault, PostgresServer, Proxy, eventually};

const WORKERS: u64 = 50;
const ACCOUNTS: i32 = 100;
const TOTAL: i64 = 100_000;

/// The longest wait for one transfer: the limits of the pool, the statement and the retries, with room for a slow machine.
const DEADLINE: Duration = Duration::from_secs(120);

struct Load {
    pool: Pool,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    workers: Vec<JoinHandle<Duration>>,
}

/// One at a time: each asks for all there is of a small machine.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn ledger(url: &str) -> Pool {
    let mut settings = DatabaseSettings::new(url);
    settings.acquire_timeout = Duration::from_secs(30);
    settings.connect_timeout = Duration::from_secs(10);
    settings.statement_timeout = Duration::from_secs(10);
    let pool = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    let table = format!(
        "CREATE TABLE ledger (id INTEGER PRIMARY KEY, balance BIGINT NOT NULL);
         INSERT INTO ledger SELECT n, {} FROM generate_series(1, {ACCOUNTS}) n",
        TOTAL / i64::from(ACCOUNTS)
    );
    pool.batch(&table).await.unwrap();
    pool
}

async fn transfer(pool: &Pool, from: i32, to: i32) -> Result<(), DatabaseError> {
    pool.transaction(TxOptions::default(), |tx| async move {
        let add = "UPDATE ledger SET balance = balance + $1 WHERE id = $2";
        tx.execute(sql(add, [(-1).into(), from.into()])).await?;
        tx.execute(sql(add, [1.into(), to.into()])).await?;
        Ok(())
    })
    .await
}

impl Load {
    fn start(pool: &Pool) -> Self {
        let (stop, done, failed) =
            (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default(), Arc::default());
        let workers = (0..WORKERS)
            .map(|worker| {
                let (pool, stop) = (pool.clone(), Arc::clone(&stop));
                let (done, failed) = (Arc::clone(&done), Arc::<AtomicU64>::clone(&failed));
                tokio::spawn(async move {
                    let mut longest = Duration::ZERO;
                    let mut n = worker;
                    while !stop.load(Ordering::Relaxed) {
                        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        let pick = |bits: u64| i32::try_from(bits % 100).unwrap() + 1;
                        let asked = Instant::now();
                        let outcome = transfer(&pool, pick(n >> 33), pick(n >> 20)).await;
                        longest = longest.max(asked.elapsed());
                        if outcome.is_ok() { &done } else { &failed }.fetch_add(1, Ordering::Relaxed);
                    }
                    longest
                })
            })
            .collect();
        Self { pool: pool.clone(), stop, done, failed, workers }
    }

    /// Waits until work is done (again).
    async fn moves(&self) {
        let before = self.done.load(Ordering::Relaxed);
        eventually(LIMIT, "transfers succeed", async || self.done.load(Ordering::Relaxed) > before + 100)
            .await;
    }

    /// Stops the workers and settles the account. Gives the number of failed transfers.
    async fn settle(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            let longest = tokio::time::timeout(DEADLINE, worker).await.expect("no worker hangs").unwrap();
            assert!(longest < DEADLINE, "a transfer took {longest:?}");
        }
        eventually(LIMIT, "every permit is released", async || self.pool.stats().in_use == 0).await;
        assert_eq!(number(&self.pool, "SELECT CAST(sum(balance) AS BIGINT) FROM ledger").await, TOTAL);
        let open = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
        assert_eq!(number(&self.pool, open).await, 0);
        let stats = self.pool.stats();
        assert!(stats.open <= 25 && stats.waiting == 0, "{stats:?}");
        self.failed.load(Ordering::Relaxed)
    }
}

/// Work goes on within a second of the server being ready (longer only where a plain connection takes longer, too), and
/// then at full width.
async fn whole_within_a_second(load: &Load, url: &str) {
    let ready = Instant::now();
    let before = load.done.load(Ordering::Relaxed);
    let works = async {
        eventually(LIMIT, "a transfer succeeds", async || load.done.load(Ordering::Relaxed) > before).await;
        ready.elapsed()
    };
    let (plain, after) = tokio::join!(yardstick(url), works);
    assert!(
        after < Duration::from_secs(1) + plain * 3,
        "work went on {after:?} after the server was ready, a plain connection took {plain:?}"
    );
    load.moves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_started_again() {
    let _alone = ALONE.lock().await;
    let server = PostgresServer::private().await;
    let load = Load::start(&ledger(server.url()).await);
    for _ in 0..3 {
        load.moves().await;
        server.kill().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.start().await;
        whole_within_a_second(&load, server.url()).await;
    }
    // Whatever was not at COMMIT ran again; only the few that were could not be known.
    let failed = load.settle().await;
    assert!(failed <= 3 * 25, "{failed} errors for 25 connections and 3 kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn shut_down_fast_and_started_again() {
    let _alone = ALONE.lock().await;
    let server = PostgresServer::private().await;
    let load = Load::start(&ledger(server.url()).await);
    load.moves().await;
    server.stop().await;
    server.start().await;
    whole_within_a_second(&load, server.url()).await;
    let failed = load.settle().await;
    assert!(failed <= 25, "{failed} errors for 25 connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_and_thawed() {
    let _alone = ALONE.lock().await;
    let server = PostgresServer::private().await;
    let load = Load::start(&ledger(server.url()).await);
    load.moves().await;
    server.pause().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.resume().await;
    whole_within_a_second(&load, server.url()).await;
    assert_eq!(load.settle().await, 0, "a second of silence is no error");
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_terminated_one_after_the_other() {
    let _alone = ALONE.lock().await;
    let server = PostgresServer::private().await;
    let pool = ledger(server.url()).await;
    let admin = connect(&DatabaseSettings::new(server.url()), Arc::new(NoopLogger)).await.unwrap();
    let load = Load::start(&pool);
    let end = "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'underpin' AND pid <> pg_backend_pid() LIMIT 5) AS ended";
    for _ in 0..10 {
        load.moves().await;
        assert!(number(&admin, end).await > 0);
    }
    load.moves().await;
    let failed = load.settle().await;
    assert!(failed <= 50, "{failed} errors for 50 terminated backends");
    assert!(pool.stats().lost > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_slow_cut_and_swallows_everything() {
    let _alone = ALONE.lock().await;
    let server = PostgresServer::private().await;
    let proxy = Proxy::to(server.url()).await;
    let load = Load::start(&ledger(proxy.url()).await);
    load.moves().await;
    proxy.set(Fault::Latency(Duration::from_millis(10)));
    load.moves().await;
    proxy.set(Fault::Cut);
    tokio::time::sleep(Duration::from_millis(200)).await;
    proxy.set(Fault::None);
    whole_within_a_second(&load, server.url()).await;
    proxy.set(Fault::Freeze(Direction::Both));
    tokio::time::sleep(Duration::from_secs(1)).await;
    proxy.set(Fault::Cut);
    proxy.set(Fault::None);
    load.moves().await;
    load.settle().await;
}
