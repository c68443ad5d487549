//! What an error says, also when it comes through sea-orm, and that only what is safe to run again is called so.

use std::{error::Error as _, path::Path, sync::Arc, time::Duration};

use crate::common::{number, postgres, postgres_with};
use futures_util::TryStreamExt as _;
use sea_orm::{DbErr, StreamTrait as _};
use sqlx::{Connection as _, Executor as _};
use underpin_database::{
    Condition, Connections, DatabaseError, DatabaseExt, DatabaseSettings, Executor, RetrySettings, TxOptions,
    connect, sql,
};
use underpin_logger::NoopLogger;

#[tokio::test]
async fn no_condition_changes_on_its_way_through_sea_orm() {
    let postgres = postgres().await;
    let pool = &postgres.pool;
    let through = |error: DatabaseError| {
        let (condition, code) = (error.condition(), error.sql_code().map(std::borrow::Cow::into_owned));
        let back = DatabaseError::from(DbErr::from(error));
        assert_eq!(back.condition(), condition, "{code:?}");
        assert_eq!(back.sql_code().map(std::borrow::Cow::into_owned), code);
        back
    };
    pool.batch(
        "CREATE TABLE t (id INTEGER UNIQUE);
         CREATE FUNCTION says() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = current_setting('my.code'); END $$;
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION says()",
    )
    .await
    .unwrap();
    for code in ["57P01", "57P02", "40001", "08006", "40003", "57014", "25006", "22012", "42601", "53300"] {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$");
        through(pool.batch(&raise).await.unwrap_err());
        let tx = pool.begin(TxOptions::default()).await.unwrap();
        through(tx.batch(&raise).await.unwrap_err());
        drop(tx);
        let tx = pool.begin(TxOptions::default()).await.unwrap();
        tx.batch(&format!("SET LOCAL my.code = '{code}'; INSERT INTO t VALUES (1)")).await.unwrap();
        let at_commit = through(tx.commit().await.unwrap_err());
        if code.starts_with("57P0") {
            assert!(at_commit.is_ambiguous() && !at_commit.is_retryable());
        }
    }
    let read_only = pool.begin(TxOptions::default().read_only()).await.unwrap();
    assert_eq!(
        through(read_only.batch("INSERT INTO t VALUES (1)").await.unwrap_err()).condition(),
        Condition::Statement
    );
    pool.batch("DROP TRIGGER late ON t; INSERT INTO t VALUES (1)").await.unwrap();
    let taken = DbErr::from(pool.batch("INSERT INTO t VALUES (1)").await.unwrap_err());
    assert!(matches!(taken.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))));
}

#[tokio::test]
async fn a_plan_that_went_stale_is_forgotten_after_a_stream() {
    let postgres = postgres_with(|settings| settings.max_open = 1).await;
    let pool = &postgres.pool;
    pool.batch("CREATE TABLE thing (id INTEGER); INSERT INTO thing VALUES (1)").await.unwrap();
    let read = async || -> Result<Vec<sea_orm::QueryResult>, DbErr> {
        pool.stream_raw(sql("SELECT * FROM thing", [])).await?.try_collect().await
    };
    read().await.unwrap();
    pool.batch("ALTER TABLE thing ADD COLUMN note TEXT").await.unwrap();
    drop(read().await);
    assert_eq!(read().await.unwrap()[0].column_names().len(), 2);
    let session = pool.session().await.unwrap();
    let read = async || -> Result<Vec<sea_orm::QueryResult>, DbErr> {
        session.stream_raw(sql("SELECT * FROM thing", [])).await?.try_collect().await
    };
    read().await.unwrap();
    session.batch("ALTER TABLE thing ADD COLUMN more TEXT").await.unwrap();
    drop(read().await);
    assert_eq!(read().await.unwrap()[0].column_names().len(), 3);
}

#[tokio::test]
async fn a_value_that_the_server_quotes_is_not_shown() {
    let postgres = postgres().await;
    let error = postgres
        .pool
        .query_one(sql("SELECT CAST(CAST($1 AS text) AS integer)", ["hunter2".into()]))
        .await
        .unwrap_err();
    assert_eq!((error.condition(), error.sql_code().as_deref()), (Condition::Statement, Some("22P02")));
    let source = error.source().expect("a cause");
    let orm = DbErr::from(error.clone());
    let back = DatabaseError::from(orm.clone());
    let said = format!("{error} {error:?} {source} {source:?} {orm} {orm:?} {back} {back:?}");
    assert!(source.source().is_none());
    assert!(!said.contains("hunter2"), "{said}");
    assert!(said.contains("22P02"), "{said}");
    assert!(
        error.as_sqlx().unwrap().to_string().contains("hunter2"),
        "who asks for the driver's own error gets it"
    );
}

#[tokio::test]
async fn too_many_binds_are_refused_before_anything_is_sent() {
    let postgres = postgres().await;
    let pool = &postgres.pool;
    let many = || sql("SELECT 1", (0..65_536).map(Into::into));
    let alone = pool.execute(many()).await.unwrap_err();
    assert_eq!(alone.condition(), Condition::Statement, "{alone:?}");
    assert!(format!("{alone:?}").contains("65535"), "{alone:?}");
    let mut runs = 0;
    let inside: Result<(), DatabaseError> = pool
        .transaction(TxOptions::default(), |tx| {
            runs += 1;
            async move { tx.execute(many()).await.map(drop) }
        })
        .await;
    assert_eq!((inside.unwrap_err().condition(), runs), (Condition::Statement, 1));
    assert_eq!(pool.stats().lost, 0);
}

/// Holds the write lock of a SQLite file, as another process would.
async fn lock(path: &Path) -> sqlx::SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    other
}

fn with_short_timeouts(path: &Path) -> DatabaseSettings {
    let mut settings = DatabaseSettings::new(format!("sqlite:{}", path.display()));
    settings.acquire_timeout = Duration::from_millis(100);
    settings
}

#[tokio::test]
async fn a_sqlite_batch_that_was_done_in_part_is_not_retryable() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first.db"), folder.path().join("second.db"));
    let pool = connect(&with_short_timeouts(&first), Arc::new(NoopLogger)).await.unwrap();
    let other = connect(&with_short_timeouts(&second), Arc::new(NoopLogger)).await.unwrap();
    pool.batch("CREATE TABLE t (id INTEGER)").await.unwrap();
    other.batch("CREATE TABLE u (id INTEGER)").await.unwrap();
    let session = pool.session().await.unwrap();
    session.batch(&format!("ATTACH '{}' AS second", second.display())).await.unwrap();
    let locked = lock(&second).await;
    let failed =
        session.batch("INSERT INTO t VALUES (1); INSERT INTO second.u VALUES (1)").await.unwrap_err();
    assert_eq!(number(&pool, "SELECT count(*) FROM t").await, 1, "the first stays");
    assert!(!failed.is_retryable() && failed.is_ambiguous(), "{failed:?}");
    let alone = session.batch("INSERT INTO second.u VALUES (1);").await.unwrap_err();
    assert_eq!(alone.condition(), Condition::Conflict);
    drop(locked);
}

#[tokio::test]
async fn a_sqlite_file_that_another_process_writes_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("busy.db");
    let pool = connect(&with_short_timeouts(&path), Arc::new(NoopLogger)).await.unwrap();
    pool.batch("CREATE TABLE t (id INTEGER)").await.unwrap();
    let mut other = lock(&path).await;
    let waiting = {
        let pool = pool.clone();
        tokio::spawn(async move {
            let retry = TxOptions::default().retry(RetrySettings::times(100));
            pool.transaction(retry, |tx| async move { tx.batch("INSERT INTO t VALUES (3)").await.map(drop) })
                .await
        })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    other.execute("COMMIT").await.unwrap();
    let done: Result<(), DatabaseError> = waiting.await.unwrap();
    done.unwrap();
    assert_eq!(number(&pool, "SELECT count(*) FROM t").await, 1);
}
