//! State of a session does not reach the next caller, and the end of prepared statements breaks no connection.

use std::time::Duration;

use underpin_database::{Condition, Connections, DatabaseError, DatabaseExt, Executor, Pool, TxOptions, sql};
use underpin_testkit::eventually;

use crate::common::{LIMIT, Postgres, number, postgres_with};

/// A pool of one connection, which the next caller would get.
async fn one() -> Postgres {
    postgres_with(|settings| settings.max_open = 1).await
}

async fn pid(pool: &Pool) -> i64 {
    number(pool, "SELECT pg_backend_pid()::bigint").await
}

const LEAVES_STATE: [&str; 20] = [
    "SELECT set_config('app.tenant', 'a', false)",
    "SELECT pg_catalog.set_config('app.tenant', 'a', false)",
    "SET app.tenant = 'a'",
    "SET SESSION app.tenant = 'a'",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_advisory_lock_shared(1)",
    "SELECT pg_try_advisory_lock(1)",
    "CREATE TEMP TABLE t (id int)",
    "CREATE /* */ TEMP TABLE t (id int)",
    "CREATE /* a /* b */ */ TEMPORARY TABLE t (id int)",
    "CREATE TABLE pg_temp.t (id int)",
    "CREATE TABLE \"pg_temp\".t (id int)",
    "SELECT 1 AS id INTO TEMP t",
    "SELECT 1 AS id INTO TEMPORARY TABLE t",
    "DO $$ BEGIN EXECUTE 'SET ROLE pg_monitor'; END $$",
    "DO LANGUAGE plpgsql 'BEGIN PERFORM pg_advisory_lock(1); END'",
    "LISTEN a",
    "PREPARE p AS SELECT 1",
    "DEALLOCATE ALL",
    "DISCARD ALL",
];

#[tokio::test]
async fn what_leaves_state_is_not_lent_again() {
    let postgres = one().await;
    let pool = &postgres.pool;
    for statement in LEAVES_STATE {
        let before = pid(pool).await;
        pool.batch(statement).await.unwrap();
        assert_ne!(pid(pool).await, before, "a pool: {statement}");
        if statement.starts_with("DISCARD") {
            continue;
        }
        let before = pid(pool).await;
        let tx = pool.begin(TxOptions::default()).await.unwrap();
        tx.batch(statement).await.unwrap();
        tx.commit().await.unwrap();
        assert_ne!(pid(pool).await, before, "a transaction: {statement}");
    }
    for statement in [
        "SELECT set_config('app.tenant', 'a', true)",
        "SELECT pg_advisory_xact_lock(1)",
        "SET LOCAL app.tenant = 'a'",
    ] {
        let before = pid(pool).await;
        pool.batch(statement).await.unwrap();
        assert_eq!(pid(pool).await, before, "{statement}");
    }
}

#[tokio::test]
async fn a_tenant_does_not_leak() {
    let postgres = one().await;
    let pool = &postgres.pool;
    let set = sql("SELECT set_config('app.tenant', $1, false)", ["a".into()]);
    pool.query_one(set).await.unwrap();
    let seen = "SELECT count(*) FROM (SELECT current_setting('app.tenant', true) AS t) s WHERE coalesce(t, '') <> ''";
    assert_eq!(number(pool, seen).await, 0);
}

#[tokio::test]
async fn discard_closes_the_connection_of_what_no_text_shows() {
    let postgres = one().await;
    let pool = &postgres.pool;
    pool.batch("CREATE FUNCTION lock() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(7)'")
        .await
        .unwrap();
    let call = || sql("SELECT lock()", []);
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7";
    pool.discard().execute(call()).await.unwrap();
    eventually(LIMIT, "the lock of the pool is gone", async || number(pool, held).await == 0).await;
    pool.discard().batch("SELECT lock()").await.unwrap();
    eventually(LIMIT, "the lock of the batch is gone", async || number(pool, held).await == 0).await;
    pool.transaction(TxOptions::default(), |tx| async move {
        tx.execute(call()).await?;
        tx.discard().await;
        Ok::<_, DatabaseError>(())
    })
    .await
    .unwrap();
    eventually(LIMIT, "the lock of the transaction is gone", async || number(pool, held).await == 0).await;
    let tx = pool.discard().begin(TxOptions::default()).await.unwrap();
    tx.execute(call()).await.unwrap();
    tx.commit().await.unwrap();
    eventually(LIMIT, "the lock of the handle is gone", async || number(pool, held).await == 0).await;
}

#[tokio::test]
async fn statements_work_on_after_the_server_forgot_the_prepared_ones() {
    let postgres = one().await;
    let pool = &postgres.pool;
    let session = pool.session().await.unwrap();
    let count = || sql("SELECT count(*) FROM pg_class WHERE relname = $1", ["x".into()]);
    for forget in ["DEALLOCATE ALL", "DISCARD ALL"] {
        session.query_one(count()).await.unwrap();
        session.batch(forget).await.unwrap();
        for _ in 0..3 {
            session.query_one(count()).await.unwrap();
        }
        session.query_one(count()).await.unwrap();
        session.batch("DEALLOCATE ALL").await.unwrap();
        let tx = session.begin_with(TxOptions::default()).await.unwrap();
        let stale = tx.query_one(count()).await.unwrap_err();
        assert_eq!(stale.condition(), Condition::Stale, "the whole transaction can run again");
        tx.rollback().await.unwrap();
        session.query_one(count()).await.unwrap();
    }
    drop(session);
    for _ in 0..50 {
        pool.query_one(count()).await.unwrap();
    }
    assert!(pool.health(Duration::from_secs(5)).await.is_up());
}
