//! Behind pgbouncer in transaction mode, where every transaction may meet another server session.

use std::{sync::Arc, time::Duration};

use crate::common::number;
use underpin_database::{
    Condition, DatabaseError, DatabaseExt, DatabaseSettings, Executor, Pool, PoolingMode, RetrySettings,
    TxOptions, connect,
    migrate::{Migration, Migrations},
    sql,
};
use underpin_logger::NoopLogger;
use underpin_testkit::Pooler;

fn settings(pooler: &Pooler, mode: PoolingMode) -> DatabaseSettings {
    let mut settings = DatabaseSettings::new(pooler.url());
    settings.pooling_mode = mode;
    // Two thousand callers share four sessions of the server: the last one waits for as long as all of them take
    // together, which on a busy machine is a minute.
    settings.acquire_timeout = Duration::from_secs(600);
    settings
}

async fn pool(pooler: &Pooler) -> Pool {
    connect(&settings(pooler, PoolingMode::TransactionPooler), Arc::new(NoopLogger)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn hazard_11_two_thousand_of_two_thousand_statements_pass() {
    let pooler = Pooler::start().await;
    let pool = pool(&pooler).await;
    pool.batch(
        "CREATE TABLE account (id INTEGER PRIMARY KEY, balance BIGINT); INSERT INTO account VALUES (1, 0)",
    )
    .await
    .unwrap();
    let tasks: Vec<_> = (0..2_000)
        .map(|n: i32| {
            let pool = pool.clone();
            tokio::spawn(async move {
                if n % 4 > 0 {
                    let row = pool.query_one(sql("SELECT $1::int + $2::int", [n.into(), 1.into()])).await?;
                    assert_eq!(row.unwrap().try_get_by_index::<i32>(0)?, n + 1);
                    return Ok(());
                }
                pool.transaction(TxOptions::default(), |tx| async move {
                    tx.execute(sql("UPDATE account SET balance = balance + $1 WHERE id = 1", [1.into()]))
                        .await?;
                    Ok::<_, DatabaseError>(())
                })
                .await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(number(&pool, "SELECT balance FROM account").await, 500);
}

#[tokio::test]
async fn the_direct_mode_is_refused_and_the_error_says_so() {
    let pooler = Pooler::start().await;
    pool(&pooler).await;
    let mut direct = settings(&pooler, PoolingMode::Direct);
    // pgbouncer has one code for everything it does not like, what passes included: it would be tried again.
    direct.connect_retry = RetrySettings::times(0);
    direct.connect_timeout = Duration::from_secs(1);
    let refused = connect(&direct, Arc::new(NoopLogger)).await.unwrap_err();
    assert_eq!(refused.sql_code().as_deref(), Some("08P01"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_take_turns_and_what_needs_a_session_is_refused() {
    let pooler = Pooler::start().await;
    let migrations =
        || Migrations::new("pooled").step(Migration::new("0001", "CREATE TABLE once (id INTEGER)"));
    let runs = (0..6).map(|_| async {
        let pool = pool(&pooler).await;
        migrations().up(&pool).await.unwrap().len()
    });
    let done: usize = futures_util::future::join_all(runs).await.into_iter().sum();
    assert_eq!(done, 1);
    let pool = pool(&pooler).await;
    assert_eq!(pool.listen(&["x"]).await.unwrap_err().condition(), Condition::Unsupported);
    assert_eq!(pool.try_lead("x").await.unwrap_err().condition(), Condition::Unsupported);
    assert!(pool.health(Duration::from_secs(2)).await.is_up());
}
