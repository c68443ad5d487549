//! Lines that go silent and servers without room: how long it takes, and what is said then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{number, proxy::Mode, through_proxy, until};
use underpin_database::{CloseOutcome, DatabaseError, DatabaseHealth, DatabaseSettings, Route, connect, sql};
use underpin_logger::NoopLogger;
use underpin_testkit::PostgresDatabase;

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
    proxy.set(Mode::BlackHoleOld);
    tokio::time::sleep(Duration::from_millis(80)).await;
    let asked = Instant::now();
    let answer = pool.query_one(sql("SELECT 1", [])).await;
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?} {answer:?}", asked.elapsed());
    answer.expect("a new connection works");
    let asked = Instant::now();
    drop(futures_util::future::join_all((0..5).map(|_| pool.session())).await);
    assert!(asked.elapsed() < Duration::from_secs(3), "the others were given up: {:?}", asked.elapsed());
}
