//! What is dropped, changed or left unfinished on a connection, and what the next one finds there.

use std::time::Duration;

use crate::common::{file, number, postgres, postgres_with};
use futures_util::TryStreamExt as _;
use sea_orm::StreamTrait as _;
use sqlx::Connection as _;
use underpin_database::{
    Condition, Connections, DatabaseError, DatabaseExt, Executor, Pool, TxOptions,
    migrate::{Migration, Migrations},
    sql,
};

async fn text(pool: &Pool, query: &str) -> String {
    pool.query_one(sql(query, [])).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// Long enough to be dropped in, short enough not to be cancelled.
const NAP: &str = "SELECT pg_sleep(0.03)";

async fn dropped_half_way<T>(work: impl Future<Output = T>) {
    drop(tokio::time::timeout(Duration::from_millis(8), work).await);
}

#[tokio::test]
async fn a_setting_whose_caller_went_away_is_not_passed_on() {
    let postgres = postgres_with(|settings| settings.max_open = 1).await;
    let pool = &postgres.pool;
    for set in [
        "SET search_path = tenant_7",
        "/* x */ SET search_path = tenant_7",
        "-- x\nSET search_path = tenant_7",
    ] {
        pool.batch(set).await.unwrap();
        assert_ne!(text(pool, "SELECT current_setting('search_path')").await, "tenant_7", "{set}");
        let set = format!("{set}; {NAP}");
        dropped_half_way(pool.batch(&set)).await;
        assert_ne!(text(pool, "SELECT current_setting('search_path')").await, "tenant_7", "{set}");
        let session = pool.session().await.unwrap();
        dropped_half_way(session.batch(&set)).await;
        drop(session);
        assert_ne!(text(pool, "SELECT current_setting('search_path')").await, "tenant_7", "{set}");
    }
    let rows: Vec<_> =
        pool.stream_raw(sql("SET search_path = tenant_7", [])).await.unwrap().try_collect().await.unwrap();
    assert!(rows.is_empty());
    assert_ne!(text(pool, "SELECT current_setting('search_path')").await, "tenant_7", "streamed");
    let session = pool.session().await.unwrap();
    session.stream_raw(sql("SET search_path = tenant_7", [])).await.unwrap().try_next().await.unwrap();
    drop(session);
    assert_ne!(text(pool, "SELECT current_setting('search_path')").await, "tenant_7", "streamed");
    pool.batch("CREATE TEMP TABLE secret AS SELECT 1").await.unwrap();
    assert_eq!(number(pool, "SELECT count(*) FROM pg_class WHERE relname = 'secret'").await, 0);
}

#[tokio::test]
async fn what_follows_a_raw_begin_whose_caller_went_away_is_committed() {
    let postgres = postgres_with(|settings| settings.max_open = 1).await;
    let pool = &postgres.pool;
    pool.batch("CREATE TABLE t (id INTEGER)").await.unwrap();
    dropped_half_way(pool.batch(&format!("BEGIN; {NAP}"))).await;
    pool.execute(sql("INSERT INTO t VALUES (1)", [])).await.unwrap();
    let mut other = sqlx::PgConnection::connect(postgres.database.url()).await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(&mut other).await.unwrap();
    assert_eq!(seen, 1);
}

#[tokio::test]
async fn the_limit_of_a_session_outlives_its_transactions() {
    let postgres = postgres_with(|settings| settings.statement_timeout = Duration::from_secs(1)).await;
    let session = postgres.pool.session().await.unwrap();
    session.set_statement_timeout(Duration::from_secs(60)).await.unwrap();
    let tx = session.begin_with(TxOptions::default()).await.unwrap();
    tx.set_statement_timeout(Duration::from_millis(500)).await.unwrap();
    tx.commit().await.unwrap();
    session.batch("SELECT pg_sleep(3.5)").await.unwrap();
}

#[tokio::test]
async fn a_savepoint_that_is_rolled_back_gives_the_limit_back() {
    let postgres = postgres().await;
    let tx = postgres.pool.begin(TxOptions::default()).await.unwrap();
    let nested = tx.nested().await.unwrap();
    nested.set_statement_timeout(Duration::from_millis(500)).await.unwrap();
    nested.rollback().await.unwrap();
    tx.batch("SELECT pg_sleep(3)").await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_long_migration_after_the_first_is_not_cut_off() {
    let postgres = postgres_with(|settings| settings.statement_timeout = Duration::from_secs(1)).await;
    let migrations = Migrations::new("long")
        .step(Migration::new("0001", "CREATE TABLE t (id INTEGER)"))
        .step(Migration::new("0002", "SELECT pg_sleep(3.5)"));
    assert_eq!(migrations.up(&postgres.pool).await.unwrap(), ["0001", "0002"]);
}

#[tokio::test]
async fn a_session_goes_on_after_a_commit_that_failed() {
    let postgres = postgres().await;
    postgres.pool.batch("CREATE TABLE t (id INTEGER UNIQUE)").await.unwrap();
    let session = postgres.pool.session().await.unwrap();
    let tx = session.begin_with(TxOptions::default()).await.unwrap();
    tx.batch("INSERT INTO t VALUES (1), (1)").await.unwrap_err();
    tx.commit().await.unwrap_err();
    session.execute(sql("INSERT INTO t VALUES (2)", [])).await.unwrap();
    drop(session);
    assert_eq!(number(&postgres.pool, "SELECT count(*) FROM t").await, 1);
}

#[tokio::test]
async fn a_sqlite_session_goes_on_after_a_commit_that_failed() {
    let (pool, _folder) = file().await;
    pool.batch(
        "CREATE TABLE p (id INTEGER PRIMARY KEY);
         CREATE TABLE c (id INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)",
    )
    .await
    .unwrap();
    let session = pool.session().await.unwrap();
    let tx = session.begin_with(TxOptions::default()).await.unwrap();
    tx.batch("INSERT INTO c VALUES (9)").await.unwrap();
    assert!(tx.commit().await.unwrap_err().is_foreign_key_violation());
    session.execute(sql("INSERT INTO p VALUES (1)", [])).await.unwrap();
    drop(session);
    assert_eq!(number(&pool, "SELECT count(*) FROM p").await, 1);
    assert_eq!(number(&pool, "SELECT count(*) FROM c").await, 0);
}

#[tokio::test]
async fn a_closure_that_commits_by_itself_has_committed() {
    let postgres = postgres().await;
    let pool = &postgres.pool;
    pool.batch("CREATE TABLE t (id INTEGER)").await.unwrap();
    let done: Result<(), DatabaseError> = pool
        .transaction(TxOptions::default(), |tx| async move {
            tx.batch("INSERT INTO t VALUES (1)").await?;
            tx.commit().await
        })
        .await;
    assert_eq!(number(pool, "SELECT count(*) FROM t").await, 1);
    done.expect("it is committed");
    let undone: Result<(), DatabaseError> = pool
        .transaction(TxOptions::default(), |tx| async move {
            tx.batch("INSERT INTO t VALUES (2)").await?;
            tx.rollback().await
        })
        .await;
    assert_eq!(undone.unwrap_err().condition(), Condition::TransactionAborted);
    assert_eq!(number(pool, "SELECT count(*) FROM t").await, 1);
}

#[test]
fn a_listener_dropped_without_a_runtime_does_not_panic() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (postgres, listener) = runtime.block_on(async {
        let postgres = postgres().await;
        let listener = postgres.pool.listen(&["x"]).await.unwrap();
        (postgres, listener)
    });
    drop(listener);
    let listener = runtime.block_on(postgres.pool.listen(&["x"])).unwrap();
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(listener);
    drop(postgres.pool);
    tokio::runtime::Runtime::new().unwrap().block_on(async { drop(postgres.database) });
}
