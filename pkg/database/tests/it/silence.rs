//! Lines that go silent and servers without room: how long it takes, and what is said then.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::common::{LIMIT, number, through_proxy};
use underpin_database::{
    CloseOutcome, DatabaseError, DatabaseHealth, DatabaseSettings, Executor, PoolingMode, connect, sql,
};
use underpin_logger::NoopLogger;
use underpin_testkit::{Direction, Fault, PostgresDatabase, eventually};

#[tokio::test]
async fn idle_connections_that_went_silent_cost_one_caller_no_more_than_its_limit() {
    let (pool, proxy, _database) = through_proxy(|settings| {
        settings.max_open = 10;
        settings.acquire_timeout = Duration::from_secs(3);
        settings.check_after = Duration::from_millis(50);
    })
    .await;
    drop(futures_util::future::join_all((0..10).map(|_| pool.session())).await);
    assert_eq!(pool.stats().idle, 10);
    proxy.forget();
    tokio::time::sleep(Duration::from_millis(80)).await;
    let asked = Instant::now();
    let answer = pool.query_one(sql("SELECT 1", [])).await;
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?} {answer:?}", asked.elapsed());
    answer.expect("a new connection works");
    let asked = Instant::now();
    drop(futures_util::future::join_all((0..5).map(|_| pool.session())).await);
    assert!(asked.elapsed() < Duration::from_secs(3), "the others were given up: {:?}", asked.elapsed());
}

#[tokio::test]
async fn a_server_without_room_for_the_check_is_not_down() {
    let database = PostgresDatabase::fresh().await;
    let admin = connect(&DatabaseSettings::new(database.url()), Arc::new(NoopLogger)).await.unwrap();
    let role = format!("narrow_{}", std::process::id());
    admin.batch(&format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'x'; ALTER ROLE {role} NOSUPERUSER CONNECTION LIMIT 1")).await.unwrap();
    let (_, address) =
        database.url().rsplit_once('@').unwrap_or_else(|| database.url().split_once("//").unwrap());
    let pool =
        connect(&DatabaseSettings::new(format!("postgres://{role}:x@{address}")), Arc::new(NoopLogger))
            .await
            .unwrap();
    let health = pool.health(Duration::from_secs(5)).await;
    assert!(matches!(health, DatabaseHealth::Saturated { .. }), "{health:?}");
    number(&pool, "SELECT 1::bigint").await;
    pool.close(Duration::from_secs(30)).await;
    admin.batch(&format!("DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn a_check_does_not_take_its_own_old_connection_for_the_server() {
    let (pool, proxy, _database) = through_proxy(|_| {}).await;
    assert!(pool.health(Duration::from_secs(30)).await.is_up());
    proxy.forget();
    let health = pool.health(Duration::from_secs(4)).await;
    assert!(health.is_up(), "{health:?}");
}

#[tokio::test]
async fn behind_a_pooler_silence_ends_as_well() {
    let (pool, proxy, _database) = through_proxy(|settings| {
        settings.pooling_mode = PoolingMode::TransactionPooler;
        settings.statement_timeout = Duration::from_millis(500);
    })
    .await;
    number(&pool, "SELECT 1::bigint").await;
    proxy.set(Fault::Freeze(Direction::Both));
    let asked = tokio::time::timeout(Duration::from_secs(15), pool.query_one(sql("SELECT 1", []))).await;
    asked.expect("it ends").unwrap_err();
}

#[tokio::test]
async fn who_still_opens_a_connection_is_turned_away_by_close() {
    let (pool, proxy, _database) = through_proxy(|_| {}).await;
    let held = pool.session().await.unwrap();
    proxy.set(Fault::HoldNew);
    let opening = {
        let pool = pool.clone();
        tokio::spawn(async move { pool.query_one(sql("SELECT 1", [])).await })
    };
    let before = proxy.accepted();
    eventually(LIMIT, "it opens", async || proxy.accepted() >= before && pool.stats().in_use == 2).await;
    drop(held);
    assert_eq!(pool.close(Duration::from_secs(30)).await, CloseOutcome::Drained);
    proxy.set(Fault::None);
    let late = opening.await.unwrap();
    assert!(late.as_ref().is_err_and(DatabaseError::is_closed), "{late:?}");
}
