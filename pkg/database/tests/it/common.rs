//! What the tests share.
use std::{sync::Arc, time::Duration};

use underpin_database::{DatabaseSettings, Executor, Pool, connect, sql};
use underpin_logger::testing::CaptureLogger;
use underpin_testkit::{PostgresDatabase, Proxy};

/// How long a test waits for what must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A fresh database and a pool on it.
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

/// A pool that reaches its database through a proxy.
pub(crate) async fn through_proxy(
    change: impl FnOnce(&mut DatabaseSettings),
) -> (Pool, Proxy, PostgresDatabase) {
    let database = PostgresDatabase::fresh().await;
    let proxy = Proxy::to(database.url()).await;
    let mut settings = DatabaseSettings::new(proxy.url());
    change(&mut settings);
    let pool = connect(&settings, Arc::new(CaptureLogger::new())).await.unwrap();
    (pool, proxy, database)
}

/// A pool on a fresh SQLite file.
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

/// How long a plain connection takes to answer at this moment: the yardstick of a limit on a machine that is busy with
/// other things.
pub(crate) async fn yardstick(url: &str) -> Duration {
    use sqlx::Connection as _;
    let asked = std::time::Instant::now();
    let mut plain = sqlx::PgConnection::connect(url).await.unwrap();
    plain.ping().await.unwrap();
    asked.elapsed()
}
