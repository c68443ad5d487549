//! The retry table of the crate, row by row, as the real databases say it: alone, and inside a transaction.

use std::{sync::Arc, time::Duration};

use crate::common::{LIMIT, file, memory, number, postgres, postgres_with};
use underpin_database::{
    Condition, Connections, DatabaseError, DatabaseExt, DatabaseSettings, Executor, RetrySettings, TxOptions,
    connect, sql,
};
use underpin_logger::NoopLogger;
use underpin_testkit::{PostgresServer, eventually};

/// Has the server say this code.
fn raise(code: &str) -> String {
    format!("DO $$ BEGIN RAISE EXCEPTION 'said on purpose' USING ERRCODE = '{code}'; END $$")
}

#[tokio::test]
async fn each_code_has_its_condition_and_is_run_again_only_where_that_is_safe() {
    let postgres = postgres().await;
    for (codes, condition) in [
        (&["40001", "40P01", "55P03"][..], Condition::Conflict),
        (&["53000", "53100", "53200", "53300"], Condition::Saturated),
        (&["57P01", "57P02"], Condition::Interrupted),
        (&["57P03"], Condition::Unreachable),
        (&["25006", "26000"], Condition::Stale),
        (&["40003", "08007"], Condition::Ambiguous),
        (&["57014", "25P03", "57P05"], Condition::Timeout),
        (&["23505"], Condition::UniqueViolation),
        (&["23503"], Condition::ForeignKeyViolation),
        (&["23502"], Condition::NotNullViolation),
        (&["23514"], Condition::CheckViolation),
        (&["23P01"], Condition::ExclusionViolation),
        (&["28000", "28P01", "3D000"], Condition::Rejected),
        (&["42601", "42P01", "22012", "25P02", "0A000"], Condition::Statement),
        (&["XX000"], Condition::Internal),
    ] {
        for code in codes {
            let alone = postgres.pool.batch(&raise(code)).await.unwrap_err();
            let expected = if *code == "25P02" { Condition::TransactionAborted } else { condition };
            assert_eq!(alone.condition(), expected, "{code}");
            assert_eq!(alone.sql_code().as_deref(), Some(*code));
            let mut runs = 0;
            let options = TxOptions::default().retry(RetrySettings::times(1));
            let inside: Result<(), DatabaseError> = postgres
                .pool
                .transaction(options, |tx| {
                    runs += 1;
                    async move { tx.batch(&raise(code)).await.map(drop) }
                })
                .await;
            assert_eq!(inside.unwrap_err().condition(), expected, "{code}");
            assert_eq!(runs, if expected.is_retryable() { 2 } else { 1 }, "{code}");
        }
    }
    // That the way to the server is broken means something else alone than inside of a transaction.
    for code in ["08000", "08003", "08006", "08P01"] {
        let alone = postgres.pool.batch(&raise(code)).await.unwrap_err();
        assert_eq!(alone.condition(), Condition::Ambiguous, "{code}");
        let tx = postgres.pool.begin(TxOptions::default()).await.unwrap();
        assert_eq!(tx.batch(&raise(code)).await.unwrap_err().condition(), Condition::Interrupted, "{code}");
    }
    eventually(LIMIT, "every permit is released", async || postgres.pool.stats().in_use == 0).await;
    assert_eq!(number(&postgres.pool, "SELECT 1::bigint").await, 1);
}

#[tokio::test]
async fn a_broken_connection_before_during_and_inside() {
    let postgres = postgres().await;
    let pool = &postgres.pool;
    let me = "SELECT pg_terminate_backend(pg_backend_pid())";
    let alone = pool.query_one(sql(me, [])).await.unwrap_err();
    assert_eq!((alone.condition(), alone.sql_code().as_deref()), (Condition::Interrupted, Some("57P01")));
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    drop(tx.query_one(sql(me, [])).await.unwrap_err());
    let after = tx.query_one(sql("SELECT 1", [])).await.unwrap_err();
    assert_eq!(after.condition(), Condition::Interrupted);
    let at_commit = tx.commit().await.unwrap_err();
    assert_eq!(at_commit.condition(), Condition::Interrupted, "COMMIT was never sent: nothing is committed");
    assert_eq!(number(pool, "SELECT 1::bigint").await, 1);
    assert_eq!(pool.stats().lost, 2);
}

#[tokio::test]
async fn a_server_that_vanishes_under_a_statement_leaves_it_open() {
    let server = PostgresServer::private().await;
    let mut settings = DatabaseSettings::new(server.url());
    settings.acquire_timeout = Duration::from_secs(5);
    let pool = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    pool.batch("CREATE TABLE t (id INTEGER)").await.unwrap();
    let running = {
        let pool = pool.clone();
        tokio::spawn(async move { pool.query_one(sql("SELECT pg_sleep(20)", [])).await })
    };
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    tx.batch("INSERT INTO t VALUES (1)").await.unwrap();
    let active =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)' AND state = 'active'";
    eventually(LIMIT, "it runs", async || number(&pool, active).await == 1).await;
    server.kill().await;
    assert!(running.await.unwrap().unwrap_err().is_ambiguous());
    assert_eq!(tx.batch("INSERT INTO t VALUES (2)").await.unwrap_err().condition(), Condition::Interrupted);
    drop(tx);
    let down = pool.query_one(sql("SELECT 1", [])).await.unwrap_err();
    assert_eq!(down.condition(), Condition::Unreachable, "nothing was sent");
    server.start().await;
    assert_eq!(number(&pool, "SELECT count(*) FROM t").await, 0);
}

#[tokio::test]
async fn hazard_7_time_limits_end_statements_and_idle_transactions() {
    let postgres = postgres_with(|settings| settings.statement_timeout = Duration::from_millis(100)).await;
    let late = postgres.pool.query_one(sql("SELECT pg_sleep(10)", [])).await.unwrap_err();
    assert!(late.is_timeout() && !late.is_retryable(), "{late:?}");
}

#[tokio::test]
async fn the_server_ends_a_transaction_in_which_nothing_is_said_any_more() {
    let postgres =
        postgres_with(|settings| settings.idle_in_transaction_timeout = Duration::from_millis(100)).await;
    let pool = &postgres.pool;
    pool.batch("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1)").await.unwrap();
    let silent = pool.begin(TxOptions::default()).await.unwrap();
    silent.batch("UPDATE t SET id = 2").await.unwrap();
    // Waits for the row until the server has ended the other one.
    pool.batch("UPDATE t SET id = 3 WHERE id = 1").await.unwrap();
    let ended = silent.query_one(sql("SELECT 1", [])).await.unwrap_err();
    assert_eq!((ended.condition(), ended.sql_code().as_deref()), (Condition::Timeout, Some("25P03")));
    assert_eq!(number(pool, "SELECT CAST(id AS BIGINT) FROM t").await, 3);
}

#[tokio::test]
async fn a_dropped_query_does_not_reach_the_next_caller() {
    let postgres = postgres_with(|settings| {
        settings.max_open = 1;
        settings.statement_timeout = Duration::from_millis(150);
    })
    .await;
    let slow = postgres.pool.query_one(sql("SELECT pg_sleep(10)", []));
    tokio::time::timeout(Duration::from_millis(20), slow).await.expect_err("it sleeps longer");
    // The server ends it after 150 ms with an error that no caller waits for.
    assert_eq!(number(&postgres.pool, "SELECT 7::bigint").await, 7);
    assert_eq!(postgres.pool.stats().reset, 1);
}

#[tokio::test]
async fn constraints_are_named() {
    let postgres = postgres().await;
    postgres
        .pool
        .batch("CREATE TABLE t (id INTEGER CONSTRAINT only_once UNIQUE); INSERT INTO t VALUES (1)")
        .await
        .unwrap();
    let error = postgres.pool.batch("INSERT INTO t VALUES (1)").await.unwrap_err();
    assert_eq!(error.constraint(), Some("only_once"));
    assert!(!format!("{error:?}").contains("Key (id)=(1)"), "the row is not shown: {error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_sqlite_file_is_a_conflict_and_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = DatabaseSettings::new(format!("sqlite:{}", folder.path().join("busy.db").display()));
    settings.acquire_timeout = Duration::from_millis(300);
    let pool = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    pool.batch("CREATE TABLE t (id INTEGER)").await.unwrap();
    let writer = pool.begin(TxOptions::default()).await.unwrap();
    writer.batch("INSERT INTO t VALUES (1)").await.unwrap();
    let busy = pool.begin(TxOptions::default()).await.unwrap_err();
    assert_eq!((busy.condition(), busy.sql_code().as_deref()), (Condition::Conflict, Some("5")));
    let reader =
        pool.begin(TxOptions::default().read_only()).await.expect("a reader does not wait for the writer");
    assert_eq!(reader.batch("INSERT INTO t VALUES (2)").await.unwrap_err().condition(), Condition::Statement);
    reader.commit().await.unwrap();
    let waiting = {
        let pool = pool.clone();
        tokio::spawn(async move {
            let retry = TxOptions::default().retry(RetrySettings::times(100));
            pool.transaction(retry, |tx| async move { tx.batch("INSERT INTO t VALUES (3)").await.map(drop) })
                .await
        })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    writer.commit().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(number(&pool, "SELECT count(*) FROM t").await, 2);
}

#[tokio::test]
async fn writers_of_a_sqlite_file_take_turns_in_the_order_of_asking() {
    let (pool, _folder) = file().await;
    pool.batch("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)").await.unwrap();
    let warm = futures_util::future::join_all((0..21).map(|_| pool.session())).await;
    drop(warm);
    let first = pool.begin(TxOptions::default()).await.unwrap();
    let writers: Vec<_> = (0..20)
        .map(|n| {
            let (pool, insert) = (pool.clone(), sql("INSERT INTO t (n) VALUES ($1)", [n.into()]));
            tokio::spawn(async move {
                if n % 2 == 0 {
                    return pool.execute(insert).await.map(drop);
                }
                let tx = pool.begin(TxOptions::default()).await?;
                tx.execute(insert).await?;
                tx.commit().await
            })
        })
        .collect();
    // All have asked, one after the other: this thread polls in the order in which they were spawned.
    eventually(LIMIT, "all wait", async || pool.stats().in_use == 21).await;
    first.commit().await.unwrap();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    let rows = pool.query_all(sql("SELECT n FROM t ORDER BY id", [])).await.unwrap();
    let order: Vec<i32> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert_eq!(order, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_cancelled_on_sqlite_leaves_no_transaction_and_no_read_only_mode() {
    for pool in [memory().await, file().await.0] {
        pool.batch("CREATE TABLE t (id INTEGER)").await.unwrap();
        for round in 0u64..200 {
            let options =
                if round % 2 == 0 { TxOptions::default() } else { TxOptions::default().read_only() };
            let work = async {
                let tx = pool.begin(options).await.unwrap();
                drop(tx.batch("INSERT INTO t VALUES (1)").await);
                std::future::pending::<()>().await;
            };
            tokio::time::timeout(Duration::from_micros(round * 7), work)
                .await
                .expect_err("it never ends by itself");
        }
        eventually(LIMIT, "every permit is released", async || pool.stats().in_use == 0).await;
        assert_eq!(number(&pool, "SELECT count(*) FROM t").await, 0);
        pool.batch("INSERT INTO t VALUES (1)").await.expect("writes are allowed again");
    }
}

#[tokio::test]
async fn hazard_13_what_is_in_memory_stays() {
    let mut settings = DatabaseSettings::new("sqlite::memory:");
    settings.max_lifetime = Duration::from_millis(20);
    settings.idle_timeout = Duration::from_millis(20);
    settings.max_idle = 0;
    let pool = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    pool.batch("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1)").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    pool.session().await.unwrap().discard().await;
    pool.batch("PRAGMA cache_size = 10; BEGIN").await.unwrap();
    drop(pool.batch("ROLLBACK").await);
    assert_eq!(number(&pool, "SELECT count(*) FROM t").await, 1);
    assert_eq!((pool.stats().max_open, pool.stats().open), (1, 1));
}
