//! The same behaviour on every backend: statements, transactions, entities, streams, health and the end of a pool.

use std::{sync::Arc, time::Duration};

use crate::common::{file, memory, number, postgres};
use futures_util::TryStreamExt as _;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, Set, StreamTrait as _,
};
use underpin_database::{
    CloseOutcome, Condition, Connections, Database, DatabaseError, DatabaseExt as _, DatabaseHealth,
    Executor, Pool, TxOptions, sql,
};
use underpin_errors::HealthCheck as _;

mod account {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "account")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        #[sea_orm(unique)]
        pub owner: String,
        pub balance: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const TABLE: &str = "CREATE TABLE account (id INTEGER PRIMARY KEY, owner TEXT NOT NULL UNIQUE,
    balance BIGINT NOT NULL CHECK (balance >= 0))";

/// Runs one test against each backend.
macro_rules! on_each_backend {
    ($($name:ident)+) => {
        mod on_postgres {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let postgres = postgres().await;
                super::$name(postgres.pool.clone()).await;
            })+
        }
        mod on_sqlite_file {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let (pool, _folder) = file().await;
                super::$name(pool).await;
            })+
        }
        mod on_sqlite_memory {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                super::$name(memory().await).await;
            })+
        }
    };
}

on_each_backend! {
    statements_take_binds_and_say_what_they_changed
    entities_run_unchanged
    a_transaction_commits_or_leaves_nothing
    a_nested_transaction_is_undone_alone
    a_constraint_is_told_by_its_kind
    the_closure_commits_once_and_rolls_back_on_error
    rows_are_streamed_and_a_dropped_stream_does_no_harm
    health_is_up_and_the_end_is_bounded
    works_behind_a_trait_object
    a_finished_transaction_takes_no_statement
}

async fn open_accounts(pool: &Pool) {
    pool.batch(TABLE).await.unwrap();
    for (id, owner) in [(1, "ada"), (2, "bob")] {
        pool.execute(sql("INSERT INTO account VALUES ($1, $2, 100)", [id.into(), owner.into()]))
            .await
            .unwrap();
    }
}

async fn statements_take_binds_and_say_what_they_changed(pool: Pool) {
    open_accounts(&pool).await;
    let changed = pool.execute(sql("UPDATE account SET balance = balance + $1", [5.into()])).await.unwrap();
    assert_eq!(changed.rows_affected(), 2);
    let all =
        pool.query_all(sql("SELECT owner FROM account WHERE balance = $1 ORDER BY id", [105.into()])).await;
    let owners: Vec<String> = all.unwrap().iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    assert_eq!(owners, ["ada", "bob"]);
    assert!(pool.query_one(sql("SELECT 1 FROM account WHERE id = 9", [])).await.unwrap().is_none());
    let wrong = pool.execute(sql("SELEKT", [])).await.unwrap_err();
    assert_eq!(wrong.condition(), Condition::Statement);
    assert_eq!(pool.stats().in_use, 0);
}

async fn entities_run_unchanged(pool: Pool) {
    sea_orm::ConnectionTrait::execute_unprepared(&pool, TABLE).await.unwrap();
    for id in 1..=5 {
        let account = account::ActiveModel {
            id: Set(id),
            owner: Set(format!("owner {id}")),
            balance: Set(i64::from(id)),
        };
        account.insert(&pool).await.unwrap();
    }
    let found = account::Entity::find_by_id(3).one(&pool).await.unwrap().unwrap();
    assert_eq!(found, account::Model { id: 3, owner: "owner 3".into(), balance: 3 });
    let pages = account::Entity::find().order_by_asc(account::Column::Id).paginate(&pool, 2);
    assert_eq!((pages.num_items().await.unwrap(), pages.fetch_page(2).await.unwrap().len()), (5, 1));
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    account::Entity::delete_many().filter(account::Column::Balance.gt(2)).exec(&tx).await.unwrap();
    assert_eq!(account::Entity::find().count(&tx).await.unwrap(), 2);
    tx.rollback().await.unwrap();
    let counted = sea_orm::TransactionTrait::transaction(&pool, |tx| {
        Box::pin(async move { account::Entity::find().count(tx).await })
    });
    assert_eq!(counted.await.unwrap(), 5);
}

async fn a_transaction_commits_or_leaves_nothing(pool: Pool) {
    open_accounts(&pool).await;
    let take = || sql("UPDATE account SET balance = balance - 10 WHERE id = 1", []);
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    tx.execute(take()).await.unwrap();
    tx.commit().await.unwrap();
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    tx.execute(take()).await.unwrap();
    tx.rollback().await.unwrap();
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    tx.execute(take()).await.unwrap();
    drop(tx);
    assert_eq!(number(&pool, "SELECT balance FROM account WHERE id = 1").await, 90);
}

async fn a_nested_transaction_is_undone_alone(pool: Pool) {
    open_accounts(&pool).await;
    let set = |balance: i32| sql("UPDATE account SET balance = $1 WHERE id = 1", [balance.into()]);
    let outer = pool.begin(TxOptions::default()).await.unwrap();
    outer.execute(set(1)).await.unwrap();
    let inner = outer.nested().await.unwrap();
    inner.execute(set(2)).await.unwrap();
    let innermost = sea_orm::TransactionTrait::begin(&inner).await.unwrap();
    innermost.execute(set(3)).await.unwrap();
    drop(innermost);
    inner.commit().await.unwrap();
    let failing = outer.nested().await.unwrap();
    assert!(failing.execute(set(-1)).await.unwrap_err().is_constraint_violation());
    failing.rollback().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(number(&pool, "SELECT balance FROM account WHERE id = 1").await, 2);
}

async fn a_constraint_is_told_by_its_kind(pool: Pool) {
    open_accounts(&pool).await;
    let unique = pool.execute(sql("INSERT INTO account VALUES (3, 'ada', 1)", [])).await.unwrap_err();
    assert!(unique.is_unique_violation() && !unique.is_retryable());
    assert_eq!(underpin_errors::Classify::kind(&unique), underpin_errors::Kind::AlreadyExists);
    let check = pool.execute(sql("INSERT INTO account VALUES (3, 'eve', -1)", [])).await.unwrap_err();
    assert_eq!(check.condition(), Condition::CheckViolation);
    let null = pool.execute(sql("INSERT INTO account VALUES (3, NULL, 1)", [])).await.unwrap_err();
    assert_eq!(null.condition(), Condition::NotNullViolation);
    // sea-orm's own classification still works on what comes through its traits.
    let again = account::ActiveModel { id: Set(7), owner: Set("ada".into()), balance: Set(1) };
    let error = again.insert(&pool).await.unwrap_err();
    assert!(matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))));
    assert!(DatabaseError::from(error).is_unique_violation());
}

async fn the_closure_commits_once_and_rolls_back_on_error(pool: Pool) {
    open_accounts(&pool).await;
    let moved: Result<i64, DatabaseError> = pool
        .transaction(TxOptions::serializable(), |tx| async move {
            tx.execute(sql("UPDATE account SET balance = balance - 1 WHERE id = 1", [])).await?;
            Ok(1)
        })
        .await;
    assert_eq!(moved.unwrap(), 1);
    let refused: Result<(), underpin_errors::Error> = pool
        .transaction(TxOptions::default(), |tx| async move {
            tx.execute(sql("UPDATE account SET balance = 0 WHERE id = 1", [])).await?;
            Err(underpin_errors::Error::conflict("no"))
        })
        .await;
    assert_eq!(refused.unwrap_err().kind(), underpin_errors::Kind::AlreadyExists);
    assert_eq!(number(&pool, "SELECT balance FROM account WHERE id = 1").await, 99);
}

async fn rows_are_streamed_and_a_dropped_stream_does_no_harm(pool: Pool) {
    let many =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n";
    let read = |row: sea_orm::QueryResult| row.try_get_by_index::<i32>(0);
    let mut rows = pool.stream_raw(sql(many, [])).await.unwrap();
    assert_eq!(read(rows.try_next().await.unwrap().unwrap()).unwrap(), 1);
    drop(rows);
    let all: Vec<i32> = pool
        .stream_raw(sql(many, []))
        .await
        .unwrap()
        .and_then(async |row| read(row))
        .try_collect()
        .await
        .unwrap();
    assert_eq!((all.len(), all[4999]), (5000, 5000));
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    let counted =
        tx.stream_raw(sql(many, [])).await.unwrap().try_fold(0, async |n, _row| Ok(n + 1)).await.unwrap();
    assert_eq!(counted, 5000);
    tx.commit().await.unwrap();
    assert!(pool.stream_raw(sql("SELEKT", [])).await.unwrap().try_next().await.is_err());
}

async fn health_is_up_and_the_end_is_bounded(pool: Pool) {
    let health = pool.health(Duration::from_secs(5)).await;
    assert!(matches!(health, DatabaseHealth::Up { .. }), "{health:?}");
    assert_eq!(pool.check().await.status, underpin_errors::HealthStatus::Up);
    let session = pool.session().await.unwrap();
    let outcome = pool.close(Duration::from_millis(50)).await;
    assert_eq!(outcome, CloseOutcome::TimedOut { still_in_use: 1 });
    session.query_one(sql("SELECT 1", [])).await.unwrap();
    drop(session);
    assert_eq!(pool.close(Duration::from_secs(5)).await, CloseOutcome::Drained);
    assert!(pool.query_one(sql("SELECT 1", [])).await.unwrap_err().is_closed());
    assert!(matches!(pool.health(Duration::from_secs(1)).await, DatabaseHealth::Down { .. }));
}

async fn works_behind_a_trait_object(pool: Pool) {
    let database: Arc<dyn Database> = Arc::new(pool);
    database.execute(sql(TABLE, [])).await.unwrap();
    let owner = "ada".to_owned();
    let inserted: Result<u64, DatabaseError> = database
        .transaction(TxOptions::default(), |tx| {
            let insert = sql("INSERT INTO account VALUES (1, $1, 1)", [owner.clone().into()]);
            async move { Ok(tx.execute(insert).await?.rows_affected()) }
        })
        .await;
    assert_eq!(inserted.unwrap(), 1);
    assert_eq!(database.stats().in_use, 0);
}

async fn a_finished_transaction_takes_no_statement(pool: Pool) {
    open_accounts(&pool).await;
    let mut kept = None;
    let outcome: Result<(), DatabaseError> = pool
        .transaction(TxOptions::default(), |tx| {
            kept = Some(tx);
            async { Ok(()) }
        })
        .await;
    outcome.unwrap();
    let late = kept.unwrap().execute(sql("DELETE FROM account", [])).await.unwrap_err();
    assert_eq!(late.condition(), Condition::TransactionAborted);
    assert_eq!(number(&pool, "SELECT count(*) FROM account").await, 2);
}
