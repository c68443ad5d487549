//! What the tests share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "tests, each of which uses a part")]

pub(crate) mod proxy;

use std::{sync::Arc, time::Duration};

use underpin_database::{DatabaseSettings, Executor, Pool, connect, sql};
use underpin_logger::testing::CaptureLogger;
use underpin_testkit::PostgresDatabase;

/// A database of the test's own, and a pool on it.
pub(crate) struct Postgres {
    pub(crate) pool: Pool,
    pub(crate) log: CaptureLogger,
    pub(crate) database: PostgresDatabase,
}

pub(crate) async fn postgres() -> Postgres {
    postgres_with(|_| {}).await
}

pub(crate) async fn postgres_with(change: impl FnOnce(&mut DatabaseSettings)) -> Postgres {
    let database = PostgresDatabase::fresh().await;
    let mut settings = DatabaseSettings::new(database.url());
    change(&mut settings);
    let log = CaptureLogger::new();
    let pool = connect(&settings, Arc::new(log.clone())).await.unwrap();
    Postgres { pool, log, database }
}

pub(crate) async fn memory() -> Pool {
    let settings = DatabaseSettings::new("sqlite::memory:");
    connect(&settings, Arc::new(CaptureLogger::new())).await.unwrap()
}

/// A pool whose way to its database leads through a proxy.
pub(crate) async fn through_proxy(
    change: impl FnOnce(&mut DatabaseSettings),
) -> (Pool, proxy::Proxy, PostgresDatabase) {
    let database = PostgresDatabase::fresh().await;
    let (proxy, url) = proxy::Proxy::before(database.url()).await;
    let mut settings = DatabaseSettings::new(url);
    change(&mut settings);
    let pool = connect(&settings, Arc::new(CaptureLogger::new())).await.unwrap();
    (pool, proxy, database)
}

/// A SQLite file of the test's own.
pub(crate) async fn file() -> (Pool, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = DatabaseSettings::new(format!("sqlite:{}", folder.path().join("test.db").display()));
    let pool = connect(&settings, Arc::new(CaptureLogger::new())).await.unwrap();
    (pool, folder)
}

/// The number in the first column of the only row.
pub(crate) async fn number(pool: &Pool, text: &str) -> i64 {
    let row = pool.query_one(sql(text, [])).await.unwrap().expect("a row");
    row.try_get_by_index(0).unwrap()
}

/// Waits until `done` says so, within a minute.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// How long a plain connection takes to answer at this moment: the yardstick of a limit on a machine that is busy with
/// other things.
pub(crate) async fn yardstick(url: &str) -> Duration {
    use sqlx::Connection as _;
    let asked = std::time::Instant::now();
    let mut plain = sqlx::PgConnection::connect(url).await.unwrap();
    plain.ping().await.unwrap();
    asked.elapsed()
}
