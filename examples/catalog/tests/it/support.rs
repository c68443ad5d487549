//! What the tests share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use catalog::{Change, migrations};
use serde_json::{Value, json};
use tempfile::TempDir;
use underpin_database::{DatabaseSettings, Pool, connect};
use underpin_logger::NoopLogger;
use underpin_testkit::{PostgresDatabase, ServiceProcess};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_catalog");

/// Nothing takes this long on a healthy machine.
pub(crate) const LIMIT: Duration = ServiceProcess::LIMIT;

pub(crate) fn start(folder: &Path, variables: &[(&str, &str)]) -> ServiceProcess {
    ServiceProcess::start(BINARY, folder, variables)
}

/// The tables in a SQLite file.
pub(crate) async fn sqlite() -> (Pool, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let pool = open(&format!("sqlite:{}", folder.path().join("catalog.db").display())).await;
    (pool, folder)
}

/// The tables in PostgreSQL.
pub(crate) async fn postgres() -> (Pool, PostgresDatabase) {
    let database = PostgresDatabase::fresh().await;
    (open(database.url()).await, database)
}

async fn open(url: &str) -> Pool {
    let pool = connect(&DatabaseSettings::new(url), Arc::new(NoopLogger)).await.unwrap();
    migrations().up(&pool).await.unwrap();
    pool
}

pub(crate) fn tea(price_cents: i64) -> Change {
    Change::new("tea", price_cents)
}

/// Creates a product over HTTP; its path.
pub(crate) fn create(service: &ServiceProcess, name: &str, price_cents: i64) -> String {
    let created = service.post("/api/v1/products", &[], &json!({"name": name, "price_cents": price_cents}));
    assert_eq!(created.status, 201, "{created:?}");
    created.header("location").unwrap().to_owned()
}

/// Changes a product over HTTP; its next version.
pub(crate) fn update(service: &ServiceProcess, path: &str, price_cents: i64) -> Value {
    let body = json!({"name": "tea", "price_cents": price_cents}).to_string();
    let updated = service.send("PUT", path, &[("content-type", "application/json")], &body);
    assert_eq!(updated.status, 200, "{updated:?}");
    updated.json()
}
