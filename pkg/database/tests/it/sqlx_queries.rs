//! sqlx's own queries in our transactions. The checked ones compile against `pkg/database/.sqlx`.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::Row as _;
use underpin_database::{
    Condition, Connections, DatabaseError, DatabaseExt, DbResultExt, Executor, Pool, SqlxBackend, TxOptions,
    sql,
};
use underpin_logger::Level;

use crate::common::{file, memory, number, postgres, postgres_with};

const TABLE: &str = "CREATE TABLE account (id BIGINT PRIMARY KEY NOT NULL, balance BIGINT NOT NULL);
    INSERT INTO account VALUES (1, 100), (2, 50)";

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Account {
    id: i64,
    balance: i64,
}

async fn balance(pool: &Pool) -> i64 {
    number(pool, "SELECT balance FROM account WHERE id = 1").await
}

/// What holds on both databases, with queries that are checked when they run.
async fn they_are_part_of_the_transaction<D: SqlxBackend>(pool: &Pool)
where
    for<'q> D::Arguments: sqlx::IntoArguments<D>,
    for<'r> Account: sqlx::FromRow<'r, D::Row>,
{
    let add = |amount: i64| format!("UPDATE account SET balance = balance + {amount} WHERE id = 1");
    let add = |amount| sqlx::query::<D>(sqlx::AssertSqlSafe(add(amount)));
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    add(10).execute(tx.sqlx()).await.unwrap();
    let nested = tx.nested().await.unwrap();
    add(1000).execute(nested.sqlx()).await.unwrap();
    nested.rollback().await.unwrap();
    tx.execute(sql("UPDATE account SET balance = balance + 1 WHERE id = 1", [])).await.unwrap();
    let all = sqlx::query_as::<D, Account>("SELECT id, balance FROM account ORDER BY id");
    let all: Vec<Account> = all.fetch_all(tx.sqlx()).await.unwrap();
    assert_eq!(all, [Account { id: 1, balance: 111 }, Account { id: 2, balance: 50 }]);
    tx.commit().await.unwrap();
    assert_eq!(balance(pool).await, 111);

    let tx = pool.begin(TxOptions::default()).await.unwrap();
    add(1000).execute(tx.sqlx()).await.unwrap();
    drop(tx);
    assert_eq!(balance(pool).await, 111, "it was rolled back");
}

async fn errors_are_sqlx_own_and_classified<D: SqlxBackend>(pool: &Pool)
where
    for<'q> D::Arguments: sqlx::IntoArguments<D>,
{
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    let taken =
        sqlx::query::<D>("INSERT INTO account VALUES (1, 0)").execute(tx.sqlx()).await.map(drop).unwrap_err();
    assert!(taken.as_database_error().unwrap().is_unique_violation());
    assert!(Err::<(), _>(taken).classified().unwrap_err().is_unique_violation());
    tx.rollback().await.unwrap();

    let tx = pool.begin(TxOptions::default()).await.unwrap();
    let none = sqlx::query::<D>("SELECT id FROM account WHERE id = 7")
        .fetch_one(tx.sqlx())
        .await
        .map(drop)
        .unwrap_err();
    assert!(DatabaseError::from(none).is_not_found());
    let nul = sqlx::query::<D>("SELECT 1\0").execute(tx.sqlx()).await.map(drop).unwrap_err();
    assert_eq!(DatabaseError::from(nul).condition(), Condition::Statement);
    tx.commit().await.unwrap();
}

/// A stream of rows that is dropped before its end leaves a transaction that can only be rolled back, and the pool whole.
async fn a_dropped_stream_ends_the_transaction<D: SqlxBackend>(pool: &Pool)
where
    for<'q> D::Arguments: sqlx::IntoArguments<D>,
{
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    sqlx::query::<D>("UPDATE account SET balance = 0").execute(tx.sqlx()).await.unwrap();
    let mut rows = sqlx::query::<D>("SELECT id FROM account").fetch(tx.sqlx());
    assert!(rows.try_next().await.unwrap().is_some());
    drop(rows);
    let refused = sqlx::query::<D>("SELECT 1").execute(tx.sqlx()).await.map(drop).unwrap_err();
    assert_eq!(DatabaseError::from(refused).condition(), Condition::TransactionAborted);
    assert!(tx.commit().await.is_err());
    assert_ne!(balance(pool).await, 0, "nothing was committed");
}

#[tokio::test]
async fn on_postgres() {
    let postgres = postgres_with(|settings| settings.max_open = 2).await;
    postgres.pool.batch(TABLE).await.unwrap();
    they_are_part_of_the_transaction::<sqlx::Postgres>(&postgres.pool).await;
    errors_are_sqlx_own_and_classified::<sqlx::Postgres>(&postgres.pool).await;
    a_dropped_stream_ends_the_transaction::<sqlx::Postgres>(&postgres.pool).await;
    assert_eq!(postgres.pool.stats().lost, 0);
}

#[tokio::test]
async fn on_sqlite() {
    let (pool, _folder) = file().await;
    pool.batch(TABLE).await.unwrap();
    they_are_part_of_the_transaction::<sqlx::Sqlite>(&pool).await;
    errors_are_sqlx_own_and_classified::<sqlx::Sqlite>(&pool).await;
    a_dropped_stream_ends_the_transaction::<sqlx::Sqlite>(&pool).await;
}

#[tokio::test]
async fn checked_queries_run_on_both_databases() {
    let postgres = postgres().await;
    postgres.pool.batch(TABLE).await.unwrap();
    let (one, found) = postgres
        .pool
        .transaction(TxOptions::default(), |tx| async move {
            let text = sqlx::query!(
                "UPDATE account SET balance = balance + $1 WHERE id = $2 RETURNING balance",
                5,
                1
            );
            let changed = text.fetch_one(tx.sqlx()).await?;
            let found = sqlx::query_as!(Account, "SELECT id, balance FROM account WHERE id = $1", 1);
            Ok::<_, DatabaseError>((changed.balance, found.fetch_optional(tx.sqlx()).await?))
        })
        .await
        .unwrap();
    assert_eq!((one, found), (105, Some(Account { id: 1, balance: 105 })));
    assert_eq!(balance(&postgres.pool).await, 105);

    let sqlite = memory().await;
    sqlite.batch(TABLE).await.unwrap();
    let tx = sqlite.begin(TxOptions::default()).await.unwrap();
    let found = sqlx::query_as!(Account, "SELECT id, balance FROM account WHERE id = ?", 2);
    assert_eq!(found.fetch_one(tx.sqlx()).await.unwrap(), Account { id: 2, balance: 50 });
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_conflict_runs_the_transaction_again() {
    let postgres = postgres().await;
    let pool = &postgres.pool;
    pool.batch(TABLE).await.unwrap();
    let attempts = std::sync::atomic::AtomicU32::new(0);
    let attempts = &attempts;
    pool.transaction(TxOptions::serializable(), |tx| async move {
        let read = sqlx::query_as!(Account, "SELECT id, balance FROM account WHERE id = $1", 1);
        let before = read.fetch_one(tx.sqlx()).await?.balance;
        if attempts.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            pool.execute(sql("UPDATE account SET balance = balance + 7 WHERE id = 1", [])).await?;
        }
        let write = sqlx::query("UPDATE account SET balance = $1 WHERE id = 1").bind(before * 2);
        write.execute(tx.sqlx::<sqlx::Postgres>()).await?;
        Ok::<_, DatabaseError>(())
    })
    .await
    .unwrap();
    assert_eq!(attempts.load(std::sync::atomic::Ordering::SeqCst), 2);
    assert_eq!(balance(pool).await, 214);
}

#[tokio::test]
async fn an_aborted_transaction_does_not_commit() {
    let postgres = postgres().await;
    postgres.pool.batch(TABLE).await.unwrap();
    let tx = postgres.pool.begin(TxOptions::default()).await.unwrap();
    sqlx::query("UPDATE account SET balance = 0").execute(tx.sqlx::<sqlx::Postgres>()).await.unwrap();
    drop(sqlx::query("SELECT 1 / 0").execute(tx.sqlx::<sqlx::Postgres>()).await.unwrap_err());
    assert_eq!(tx.commit().await.unwrap_err().condition(), Condition::TransactionAborted);
    assert_eq!(balance(&postgres.pool).await, 100);
}

#[tokio::test]
async fn a_query_for_another_database_is_an_error() {
    let pool = memory().await;
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    let query = || sqlx::query::<sqlx::Postgres>("SELECT 1");
    for refused in [query().fetch_one(tx.sqlx()).await.map(drop), query().execute(tx.sqlx()).await.map(drop)]
    {
        assert_eq!(DatabaseError::from(refused.unwrap_err()).condition(), Condition::Configuration);
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn limits_dates_and_the_log_are_those_of_a_statement() {
    let postgres = postgres_with(|settings| settings.slow_query = Duration::from_millis(1)).await;
    let pool = &postgres.pool;
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    let slow = sqlx::query("SELECT pg_sleep(0.01), 'hunter2'").execute(tx.sqlx::<sqlx::Postgres>()).await;
    slow.unwrap();
    let slow = postgres.log.assert_logged(Level::Warn, "slow query");
    let text = slow.tag("sql").unwrap();
    assert!(text.contains("pg_sleep") && !text.contains("hunter2"), "{text}");

    let infinite = sqlx::query("SELECT 'infinity'::date AS day").fetch_one(tx.sqlx::<sqlx::Postgres>()).await;
    assert_eq!(
        DatabaseError::from(infinite.map(|row| row.len()).unwrap_err()).condition(),
        Condition::Conversion
    );
    tx.set_statement_timeout(Duration::from_millis(50)).await.unwrap();
    let long = sqlx::query("SELECT pg_sleep(60)").execute(tx.sqlx::<sqlx::Postgres>()).await.unwrap_err();
    assert!(DatabaseError::from(long).is_timeout());
}
