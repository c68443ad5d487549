//! The slow-query log: who, what, how long, how many, and no data.

use std::time::Duration;

use crate::common::{Postgres, postgres_with};
use futures_util::TryStreamExt as _;
use sea_orm::StreamTrait as _;
use underpin_database::{Connections, Executor, TraceComment, TxOptions, sql};
use underpin_logger::{Context, Level, RequestId, testing::CapturedEntry};

async fn slow_after(millis: u64) -> Postgres {
    let postgres = postgres_with(|settings| settings.slow_query = Duration::from_millis(millis)).await;
    postgres.log.take();
    postgres
}

fn the_only(postgres: &Postgres) -> CapturedEntry {
    let mut entries = postgres.log.take();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

fn request(id: &str) -> Context {
    Context::new(RequestId::parse(id).unwrap())
}

#[tokio::test]
async fn a_slow_statement_is_logged_with_everything_but_its_data() {
    let postgres = slow_after(30).await;
    let statement = || sql("SELECT pg_sleep(0.05), $1::text, 'literal-secret'", ["bound-secret".into()]);
    postgres.pool.with(&request("req-1")).query_all(statement()).await.unwrap();
    let entry = the_only(&postgres);
    assert_eq!((entry.level, entry.msg.as_str()), (Level::Warn, "slow query"));
    assert_eq!(entry.request_id(), Some("req-1"));
    assert_eq!(entry.tag("sql"), Some("SELECT pg_sleep(0.05), $1::text, '?'"));
    assert_eq!((entry.tag("binds"), entry.tag("rows")), (Some("1"), Some("1")));
    assert!(entry.tag("duration").is_some() && entry.tag("waited").is_some());
    assert!(!format!("{entry:?}").contains("secret"), "{entry:?}");
    // Without its own handle, the task's context counts.
    request("req-2").scope(postgres.pool.query_one(statement())).await.unwrap();
    assert_eq!(the_only(&postgres).request_id(), Some("req-2"));
}

#[tokio::test]
async fn every_way_to_run_a_statement_is_watched() {
    let postgres = slow_after(30).await;
    let (pool, sleep) = (postgres.pool.with(&request("req-3")), "SELECT pg_sleep(0.05)");
    pool.batch(sleep).await.unwrap();
    assert_eq!(the_only(&postgres).request_id(), Some("req-3"));
    pool.execute(sql(sleep, [])).await.unwrap();
    the_only(&postgres);
    let session = pool.session().await.unwrap();
    session.query_one(sql(sleep, [])).await.unwrap();
    assert_eq!(the_only(&postgres).request_id(), Some("req-3"));
    drop(session);
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    tx.batch(sleep).await.unwrap();
    tx.execute(sql(sleep, [])).await.unwrap();
    assert_eq!(postgres.log.take().len(), 2);
    tx.rollback().await.unwrap();
    let mut rows = pool.stream_raw(sql(sleep, [])).await.unwrap();
    while rows.try_next().await.unwrap().is_some() {}
    drop(rows);
    assert_eq!(the_only(&postgres).request_id(), Some("req-3"), "a stream: how long its first row took");
    let failed =
        pool.query_one(sql("SELECT 1 / (random() * $1)::int FROM pg_sleep(0.05)", [0.0.into()])).await;
    assert!(failed.is_err());
    let entry = the_only(&postgres);
    assert_eq!(entry.tag("rows"), Some("null"));
    pool.query_one(sql("SELECT 1", [])).await.unwrap();
    assert!(postgres.log.entries().is_empty(), "a fast one is not");
}

#[tokio::test]
async fn waiting_for_a_connection_is_told_apart_from_running() {
    let postgres = postgres_with(|settings| {
        settings.max_open = 1;
        // Far longer than the statement takes on a busy machine.
        settings.slow_query = Duration::from_secs(2);
    })
    .await;
    postgres.log.take();
    let held = postgres.pool.session().await.unwrap();
    let waiting = {
        let pool = postgres.pool.clone();
        tokio::spawn(async move { pool.query_one(sql("SELECT 1", [])).await.map(drop) })
    };
    // What it waits for is the passing of this time.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    drop(held);
    waiting.await.unwrap().unwrap();
    assert!(postgres.log.entries().is_empty(), "the statement itself was fast");
    assert!(postgres.pool.stats().waits.quantile(1.0).unwrap() >= Duration::from_secs(2));
}

#[tokio::test]
async fn hazard_6_zero_switches_the_log_off() {
    let postgres = slow_after(0).await;
    postgres.pool.query_one(sql("SELECT pg_sleep(1.1)", [])).await.unwrap();
    assert!(postgres.log.entries().is_empty());
}

#[tokio::test]
async fn the_trace_travels_as_a_comment_when_asked() {
    let postgres = postgres_with(|settings| settings.trace_comment = TraceComment::Traceparent).await;
    // Not sampled: a recorded statement has a span, and its comment the id of that.
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let ctx = Context::background().with_traceparent(trace).unwrap();
    let seen = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    let read = async |ctx: &Context| -> String {
        let row = postgres.pool.with(ctx).query_one(sql(seen, [])).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    };
    assert_eq!(read(&ctx).await, format!("{seen} /*traceparent='{trace}'*/"));
    assert_eq!(read(&Context::background()).await, seen);
}
