//! Transactions on PostgreSQL: what is cancelled leaks nothing, what cannot be known is said, what can run again does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use crate::common::{LIMIT, Postgres, number, postgres, postgres_with};
use sea_orm::Statement;
use tokio::sync::Barrier;
use underpin_database::{
    Condition, Connections, DatabaseError, DatabaseExt, Executor, Isolation, Pool, RetrySettings, TxOptions,
    connect, sql,
};
use underpin_logger::NoopLogger;
use underpin_testkit::eventually;

const IN_TRANSACTION: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%'";

async fn accounts() -> Postgres {
    let postgres = postgres().await;
    let table = "CREATE TABLE account (id INTEGER PRIMARY KEY, balance BIGINT NOT NULL);
        INSERT INTO account VALUES (1, 100), (2, 100)";
    postgres.pool.batch(table).await.unwrap();
    postgres
}

fn add(amount: i32, id: i32) -> Statement {
    sql("UPDATE account SET balance = balance + $1 WHERE id = $2", [amount.into(), id.into()])
}

async fn balance(pool: &Pool, id: i32) -> i64 {
    number(pool, &format!("SELECT balance FROM account WHERE id = {id}")).await
}

async fn sum(pool: &Pool) -> i64 {
    number(pool, "SELECT CAST(sum(balance) AS BIGINT) FROM account").await
}

/// No connection of the pool has a transaction open: SAVEPOINT fails on each.
async fn no_transaction_is_open(pool: &Pool) {
    eventually(LIMIT, "every permit is released", async || pool.stats().in_use == 0).await;
    assert_eq!(number(pool, IN_TRANSACTION).await, 0);
    let mut sessions = Vec::new();
    for _ in 0..pool.stats().open {
        sessions.push(pool.session().await.unwrap());
    }
    for session in sessions {
        let refused = session.batch("SAVEPOINT x").await.unwrap_err();
        assert_eq!(refused.sql_code().as_deref(), Some("25P01"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hazard_1_a_cancelled_begin_leaks_no_transaction_in_400_cancellations() {
    let postgres = postgres_with(|settings| settings.max_open = 5).await;
    let pool = &postgres.pool;
    let mut cancelled = 0;
    for round in 0u64.. {
        let limit = Duration::from_micros(round * 37 % 700);
        match tokio::time::timeout(limit, pool.begin(TxOptions::serializable())).await {
            Ok(begun) => drop(begun.unwrap()),
            Err(_elapsed) => cancelled += 1,
        }
        if cancelled == 400 {
            break;
        }
    }
    no_transaction_is_open(pool).await;
    assert!(pool.stats().reset > 0, "some were cut off while BEGIN was under way");
    eventually(LIMIT, "every permit is released", async || pool.stats().in_use == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_dropped_at_any_point_is_rolled_back() {
    let postgres = accounts().await;
    for round in 0u64..200 {
        let pool = postgres.pool.clone();
        let work = async move {
            let tx = pool.begin(TxOptions::default()).await.unwrap();
            tx.execute(add(1, 1)).await.unwrap();
            let nested = tx.nested().await.unwrap();
            nested.execute(add(1, 2)).await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::time::timeout(Duration::from_micros(round * 25), work)
            .await
            .expect_err("it never ends by itself");
    }
    no_transaction_is_open(&postgres.pool).await;
    assert_eq!(sum(&postgres.pool).await, 200);
}

#[test]
fn hazard_14_a_transaction_dropped_without_a_runtime_does_not_panic() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (postgres, tx) = runtime.block_on(async {
        let postgres = accounts().await;
        let tx = postgres.pool.begin(TxOptions::default()).await.unwrap();
        tx.execute(add(1, 1)).await.unwrap();
        (postgres, tx)
    });
    let url = postgres.database.url().to_owned();
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(tx);
    drop(postgres.pool);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let settings = underpin_database::DatabaseSettings::new(url);
        let pool = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
        eventually(LIMIT, "the server has rolled back", async || number(&pool, IN_TRANSACTION).await == 0)
            .await;
        assert_eq!(balance(&pool, 1).await, 100);
        pool.close(Duration::from_secs(5)).await;
        drop(postgres.database);
    });
}

#[tokio::test]
async fn hazard_4_a_commit_of_an_aborted_transaction_is_an_error() {
    let postgres = accounts().await;
    let tx = postgres.pool.begin(TxOptions::default()).await.unwrap();
    tx.execute(add(1, 1)).await.unwrap();
    let swallowed = tx.execute(sql("INSERT INTO account VALUES (1, 0)", [])).await.unwrap_err();
    assert!(swallowed.is_unique_violation());
    let refused = tx.commit().await.unwrap_err();
    assert_eq!(refused.condition(), Condition::TransactionAborted);
    assert!(!refused.is_retryable() && !refused.is_ambiguous());
    no_transaction_is_open(&postgres.pool).await;
    assert_eq!(balance(&postgres.pool, 1).await, 100);
}

#[tokio::test]
async fn a_commit_after_a_raw_commit_is_an_error() {
    let postgres = accounts().await;
    let tx = postgres.pool.begin(TxOptions::default()).await.unwrap();
    tx.batch("COMMIT").await.unwrap();
    assert_eq!(tx.commit().await.unwrap_err().sql_code().as_deref(), Some("25P01"));
}

#[tokio::test]
async fn a_constraint_checked_at_commit_is_told_and_leaves_nothing() {
    let postgres = accounts().await;
    postgres.pool.batch("CREATE TABLE slot (n INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)").await.unwrap();
    let tx = postgres.pool.begin(TxOptions::default()).await.unwrap();
    tx.batch("INSERT INTO slot VALUES (1), (1)").await.unwrap();
    assert!(tx.commit().await.unwrap_err().is_unique_violation());
    no_transaction_is_open(&postgres.pool).await;
    assert_eq!(number(&postgres.pool, "SELECT count(*) FROM slot").await, 0);
}

#[tokio::test]
async fn isolation_and_access_are_what_was_asked_for() {
    let postgres = accounts().await;
    for (isolation, name) in [
        (Isolation::ReadCommitted, "read committed"),
        (Isolation::RepeatableRead, "repeatable read"),
        (Isolation::Serializable, "serializable"),
    ] {
        let options = TxOptions::default().isolation(isolation).read_only();
        let tx = postgres.pool.begin(options).await.unwrap();
        let row =
            tx.query_one(sql("SELECT current_setting('transaction_isolation')", [])).await.unwrap().unwrap();
        assert_eq!(row.try_get_by_index::<String>(0).unwrap(), name);
        let refused = tx.execute(add(1, 1)).await.unwrap_err();
        assert_eq!(
            (refused.condition(), refused.sql_code().as_deref()),
            (Condition::Statement, Some("25006"))
        );
        tx.rollback().await.unwrap();
    }
    postgres.pool.execute(add(1, 1)).await.unwrap();
    assert_eq!(postgres.pool.stats().lost, 0, "a refused write is no reason to drop the connection");
}

#[tokio::test]
async fn a_statement_dropped_half_way_leaves_only_the_rollback() {
    let postgres = accounts().await;
    let tx = postgres.pool.begin(TxOptions::default()).await.unwrap();
    tx.execute(add(1, 1)).await.unwrap();
    let slow = tx.execute(sql("SELECT pg_sleep(0.2)", []));
    tokio::time::timeout(Duration::from_millis(20), slow).await.expect_err("it sleeps longer");
    let refused = tx.execute(add(1, 2)).await.unwrap_err();
    assert_eq!(refused.condition(), Condition::TransactionAborted);
    assert_eq!(refused.to_string(), "a statement of the transaction was dropped before it finished");
    assert_eq!(tx.commit().await.unwrap_err().condition(), Condition::TransactionAborted);
    no_transaction_is_open(&postgres.pool).await;
    assert_eq!(sum(&postgres.pool).await, 200);
}

#[tokio::test]
async fn a_session_goes_on_after_a_statement_that_was_dropped() {
    let postgres = accounts().await;
    let session = postgres.pool.session().await.unwrap();
    // One that ends by itself, with an error, and one that is cancelled.
    for seconds in [0.03, 30.0] {
        let text = format!("SELECT pg_sleep({seconds}), 1 / (balance - 100) FROM account");
        let dropped = session.execute(sql(text, []));
        tokio::time::timeout(Duration::from_millis(10), dropped).await.expect_err("it sleeps longer");
    }
    let row = session.query_one(sql("SELECT 42", [])).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<i32>(0).unwrap(), 42, "the error of the dropped one is not ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_concurrent_serializable_increments_all_succeed() {
    let postgres = accounts().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let pool = postgres.pool.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    let incremented: Result<(), DatabaseError> = pool
                        .transaction(
                            TxOptions::serializable().retry(RetrySettings::times(50)),
                            |tx| async move {
                                let row =
                                    tx.query_one(sql("SELECT balance FROM account WHERE id = 1", [])).await?;
                                let balance: i64 = row.unwrap().try_get_by_index(0)?;
                                let set = "UPDATE account SET balance = $1 WHERE id = 1";
                                tx.execute(sql(set, [(balance + 1).into()])).await?;
                                Ok(())
                            },
                        )
                        .await;
                    incremented.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(balance(&postgres.pool, 1).await, 140);
}

/// Two transactions that each wait half-way, the first time, until the other one is there, too. Says how often they ran.
async fn meeting_half_way(
    pool: &Pool,
    options: TxOptions,
    both: [(Vec<Statement>, Vec<Statement>); 2],
) -> u32 {
    let (runs, middle) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(2)));
    let tasks = both.map(|(before, after)| {
        let (pool, options, runs, middle) =
            (pool.clone(), options.clone(), Arc::clone(&runs), Arc::clone(&middle));
        tokio::spawn(async move {
            let mut first = true;
            pool.transaction(options, |tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                let meets = std::mem::take(&mut first);
                let (before, after, middle) = (before.clone(), after.clone(), Arc::clone(&middle));
                async move {
                    for statement in before {
                        tx.execute(statement).await?;
                    }
                    if meets {
                        middle.wait().await;
                    }
                    for statement in after {
                        tx.execute(statement).await?;
                    }
                    Ok::<_, DatabaseError>(())
                }
            })
            .await
        })
    });
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    runs.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_surfaces_at_commit_runs_the_closure_again() {
    let postgres = accounts().await;
    // Write skew: each reads both rows and writes the other one. Neither statement fails, one COMMIT does.
    let skew = |id| (vec![sql("SELECT balance FROM account", []), add(-60, id)], Vec::new());
    let runs = meeting_half_way(&postgres.pool, TxOptions::serializable(), [skew(1), skew(2)]).await;
    assert!(runs > 2, "one of the two ran again");
    assert_eq!(sum(&postgres.pool).await, 80);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_runs_the_closure_again() {
    let postgres = accounts().await;
    let soon = "DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = 20', current_database()); END $$";
    postgres.pool.batch(soon).await.unwrap();
    // Settings of a database hold for sessions that begin after.
    let pool = connect(postgres.pool.settings(), Arc::new(NoopLogger)).await.unwrap();
    let transfer = |from, to| (vec![add(-10, from)], vec![add(10, to)]);
    let runs = meeting_half_way(&pool, TxOptions::default(), [transfer(1, 2), transfer(2, 1)]).await;
    assert!(runs > 2, "one of the two ran again");
    assert_eq!((balance(&pool, 1).await, sum(&pool).await), (100, 200));
}

#[tokio::test]
async fn a_connection_that_breaks_before_commit_runs_the_closure_again() {
    let postgres = accounts().await;
    let mut runs = 0;
    let moved: Result<(), DatabaseError> = postgres
        .pool
        .transaction(TxOptions::default(), |tx| {
            runs += 1;
            let first = runs == 1;
            async move {
                tx.execute(add(1, 1)).await?;
                if first {
                    tx.query_one(sql("SELECT pg_terminate_backend(pg_backend_pid())", [])).await?;
                }
                tx.execute(add(1, 2)).await?;
                Ok(())
            }
        })
        .await;
    moved.unwrap();
    assert_eq!(runs, 2);
    assert_eq!(sum(&postgres.pool).await, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_outcome_is_unknown_is_told_and_never_run_again() {
    let postgres = accounts().await;
    let slow_commit = "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(10); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON account DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION dawdle()";
    postgres.pool.batch(slow_commit).await.unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let (pool, counted) = (postgres.pool.clone(), Arc::clone(&runs));
    let committing = tokio::spawn(async move {
        pool.transaction(TxOptions::default(), |tx| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move { tx.execute(add(1, 1)).await.map(drop) }
        })
        .await
    });
    let at_commit = "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%COMMIT' AND state = 'active' AND pid <> pg_backend_pid()) ended";
    eventually(LIMIT, "COMMIT is under way, and cut off", async || {
        number(&postgres.pool, at_commit).await == 1
    })
    .await;
    let error = committing.await.unwrap().unwrap_err();
    assert!(error.is_ambiguous() && !error.is_retryable(), "{error:?}");
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_swallowed_conflict_still_runs_the_closure_again() {
    let postgres = accounts().await;
    let mut runs = 0;
    let done: Result<(), DatabaseError> = postgres
        .pool
        .transaction(TxOptions::default(), |tx| {
            runs += 1;
            let first = runs == 1;
            async move {
                if first {
                    let raise = "DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '40001'; END $$";
                    drop(tx.batch(raise).await);
                }
                Ok(())
            }
        })
        .await;
    done.unwrap();
    assert_eq!(runs, 2);
}

#[tokio::test]
async fn retries_are_bounded_and_the_last_error_is_passed_on() {
    let postgres = accounts().await;
    let mut runs = 0;
    let options = TxOptions::default().retry(RetrySettings::times(2));
    let refused: Result<(), DatabaseError> = postgres
        .pool
        .transaction(options, |tx| {
            runs += 1;
            async move {
                tx.batch("DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '40001'; END $$").await?;
                Ok(())
            }
        })
        .await;
    assert_eq!(refused.unwrap_err().condition(), Condition::Conflict);
    assert_eq!(runs, 3);
    // DO closes its connection, which holds its permit until then.
    eventually(LIMIT, "every permit is released", async || postgres.pool.stats().in_use == 0).await;
}

#[tokio::test]
async fn a_session_carries_on_after_its_transactions() {
    let postgres = accounts().await;
    let session = postgres.pool.session().await.unwrap();
    let tx = session.begin_with(TxOptions::default()).await.unwrap();
    tx.execute(add(1, 1)).await.unwrap();
    drop(tx);
    let tx = session.begin_with(TxOptions::default()).await.unwrap();
    tx.execute(add(5, 2)).await.unwrap();
    tx.commit().await.unwrap();
    session.execute(add(1, 2)).await.unwrap();
    drop(session);
    assert_eq!(balance(&postgres.pool, 1).await, 100);
    assert_eq!(balance(&postgres.pool, 2).await, 106);
}
