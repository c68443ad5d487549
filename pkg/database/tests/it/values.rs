//! Values and texts that a driver cannot carry: an error of the statement, and the pool works on.

use std::time::Duration;

use futures_util::FutureExt as _;
use underpin_database::{
    Condition, DatabaseError, DatabaseExt, DatabaseSettings, Executor, Pool, TxOptions, connect, sea_orm, sql,
};
use underpin_logger::NoopLogger;

use crate::common::{file, memory, number, postgres_with};

async fn postgres() -> crate::common::Postgres {
    postgres_with(|settings| settings.max_open = 1).await
}

/// The error of a statement that was neither sent nor may be sent again.
fn is_refused(error: &DatabaseError) {
    assert_eq!(error.condition(), Condition::Statement, "{error:?}");
    assert!(!error.is_retryable() && !error.is_ambiguous());
}

async fn numbers_above_the_signed_ones_are_refused(pool: &Pool) {
    pool.batch("CREATE TABLE item (id BIGINT)").await.unwrap();
    let insert = |id: u64| sql("INSERT INTO item VALUES ($1)", [id.into()]);
    let outcome = std::panic::AssertUnwindSafe(pool.execute(insert(u64::MAX))).catch_unwind().await;
    is_refused(&outcome.expect("no panic").unwrap_err());
    let outcome = pool
        .transaction(TxOptions::default(), |tx| async move {
            tx.execute(insert(1 << 63)).await?;
            Ok::<_, DatabaseError>(())
        })
        .await;
    is_refused(&outcome.unwrap_err());
    assert_eq!(number(pool, "SELECT count(*) FROM item").await, 0);
    pool.execute(insert(u64::MAX >> 1)).await.unwrap();
    assert_eq!(number(pool, "SELECT count(*) FROM item WHERE id = 9223372036854775807").await, 1);
}

async fn a_text_with_nul_is_refused(pool: &Pool) {
    let limit = Duration::from_secs(30);
    let refused = tokio::time::timeout(limit, pool.execute(sql("SELECT 1\0", []))).await.expect("it returns");
    is_refused(&refused.unwrap_err());
    let refused = tokio::time::timeout(limit, pool.batch("SELECT 1;\0 SELECT 2")).await.expect("it returns");
    is_refused(&refused.unwrap_err());
    let session = pool.session().await.unwrap();
    is_refused(&session.query_one(sql("SELECT '\0'", [])).await.unwrap_err());
    is_refused(&session.batch("\0").await.unwrap_err());
    drop(session);
    assert_eq!(number(pool, "SELECT CAST(7 AS BIGINT)").await, 7);
    let stats = pool.stats();
    assert_eq!((stats.opened, stats.lost), (0, 0), "the first connection is still in use: {stats:?}");
}

#[tokio::test]
async fn on_postgres() {
    let postgres = postgres().await;
    a_text_with_nul_is_refused(&postgres.pool).await;
    numbers_above_the_signed_ones_are_refused(&postgres.pool).await;
    // A value with NUL reaches the server, which refuses it.
    let refused = postgres.pool.query_one(sql("SELECT $1::text", ["a\0b".into()])).await.unwrap_err();
    is_refused(&refused);
    assert_eq!(postgres.pool.stats().lost, 0);
}

#[tokio::test]
async fn on_sqlite() {
    for pool in [memory().await, file().await.0] {
        a_text_with_nul_is_refused(&pool).await;
        numbers_above_the_signed_ones_are_refused(&pool).await;
    }
}

#[tokio::test]
async fn dates_that_no_type_can_hold_are_errors() {
    let postgres = postgres().await;
    let pool = &postgres.pool;
    for (date, kind) in [
        ("infinity", "date"),
        ("-infinity", "date"),
        ("infinity", "timestamp"),
        ("-infinity", "timestamptz"),
        ("294276-12-31", "timestamptz"),
        ("5874897-12-31", "date"),
        ("{2026-11-30,infinity}", "date[]"),
        ("{NULL,2026-11-30,-infinity}", "timestamp[]"),
        ("{{2026-11-30},{infinity}}", "timestamptz[]"),
    ] {
        let text = format!("SELECT 1 AS id, '{date}'::{kind} AS day");
        let refused = pool.query_one(sql(text.as_str(), [])).await.unwrap_err();
        assert_eq!(refused.condition(), Condition::Conversion, "{text}: {refused:?}");
        assert!(!refused.is_retryable() && !refused.is_ambiguous());
        assert!(pool.query_all(sql(text.as_str(), [])).await.is_err());
        use futures_util::TryStreamExt as _;
        let mut rows = sea_orm::StreamTrait::stream_raw(pool, sql(text.as_str(), [])).await.unwrap();
        assert!(rows.try_next().await.is_err());
    }
    for (date, kind) in
        [("0001-01-01", "date"), ("9999-12-30", "timestamptz"), ("2026-11-30 12:00", "timestamp")]
    {
        let text = format!("SELECT '{date}'::{kind} AS day, NULL::{kind} AS none");
        let row = pool.query_one(sql(text, [])).await.unwrap().unwrap();
        match kind {
            "date" => drop(row.try_get_by_index::<sea_orm::prelude::TimeDate>(0).unwrap()),
            "timestamp" => drop(row.try_get_by_index::<sea_orm::prelude::TimeDateTime>(0).unwrap()),
            _ => drop(row.try_get_by_index::<sea_orm::prelude::TimeDateTimeWithTimeZone>(0).unwrap()),
        }
    }
    let text = "SELECT '{2026-11-30,NULL}'::date[], '{}'::timestamp[], NULL::timestamptz[]";
    let row = pool.query_one(sql(text, [])).await.unwrap().unwrap();
    let row = row.try_as_pg_row().unwrap();
    let dates: Vec<Option<sea_orm::prelude::TimeDate>> = sqlx::Row::try_get(row, 0).unwrap();
    assert_eq!(dates.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    assert_eq!(pool.stats().lost, 0);
}

#[tokio::test]
async fn a_path_with_percent_signs_leads_to_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let opens = async |url: String| -> Result<(), DatabaseError> {
        let mut settings = DatabaseSettings::new(url);
        settings.connect_retry.max_retries = 0;
        let pool = connect(&settings, std::sync::Arc::new(NoopLogger)).await?;
        pool.batch("CREATE TABLE t (id INTEGER)").await?;
        Ok(())
    };
    for (written, file) in [
        ("50%25off.db", "50%off.db"),
        ("what%3F.db", "what?.db"),
        ("a%20b.db", "a b.db"),
        ("7%off.db", "7%off.db"),
    ] {
        opens(format!("sqlite:{}", path(written).display())).await.unwrap();
        assert!(path(file).is_file(), "{file}");
    }
    std::fs::create_dir(path("x%2Fy")).unwrap();
    std::fs::create_dir_all(path("x/y")).unwrap();
    std::fs::create_dir(path("my%20data")).unwrap();
    std::fs::create_dir(path("my data")).unwrap();
    for ambiguous in ["x%2Fy/app.db", "my%20data/app.db"] {
        let refused = opens(format!("sqlite:{}", path(ambiguous).display())).await.unwrap_err();
        assert_eq!(refused.condition(), Condition::Configuration);
        assert!(refused.to_string().contains("write `%25`"), "{refused}");
    }
    assert!(!path("x/y/app.db").exists() && !path("my data/app.db").exists());
    opens(format!("sqlite:{}", path("my%2520data/app.db").display())).await.unwrap();
    assert!(path("my%20data/app.db").is_file());
}

#[tokio::test]
async fn an_unknown_parameter_of_a_url_is_named() {
    for parameter in ["channel_binding", "target_session_attrs", "options", "sslrootcert", "anything_else"] {
        let url = format!("postgres://app:hunter2@127.0.0.1:1/orders?sslmode=disable&{parameter}=x");
        let error = connect(&DatabaseSettings::new(url), std::sync::Arc::new(NoopLogger)).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(&format!("`{parameter}`")) && !text.contains("hunter2"), "{text}");
    }
    let url = "postgres://app:hun?ter2=x@127.0.0.1:1/orders";
    let error = connect(&DatabaseSettings::new(url), std::sync::Arc::new(NoopLogger)).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("ter2"));
}
