//! The leader lease: one at a time, a higher token each time, and lost with its connection.

use std::{sync::Arc, time::Duration};

use crate::common::{LIMIT, memory, postgres};
use underpin_database::{Condition, Executor, connect, sql};
use underpin_logger::NoopLogger;
use underpin_testkit::eventually;

#[tokio::test]
async fn one_leads_and_the_next_has_a_higher_token() {
    let postgres = postgres().await;
    let other = connect(postgres.pool.settings(), Arc::new(NoopLogger)).await.unwrap();
    let first = postgres.pool.try_lead("report").await.unwrap().expect("there is no leader yet");
    assert!(other.try_lead("report").await.unwrap().is_none());
    let elsewhere = other.try_lead("cleaning").await.unwrap().expect("another name is another lead");
    assert_eq!((first.token(), elsewhere.token()), (1, 1));
    first.check().await.unwrap();
    let waiting = tokio::spawn({
        let other = other.clone();
        async move { other.lead("report").await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());
    first.release().await;
    let second = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert_eq!(second.token(), 2);
    drop(second);
    eventually(LIMIT, "the lead is free", async || postgres.pool.try_lead("report").await.unwrap().is_some())
        .await;
}

#[tokio::test]
async fn a_leader_that_was_cut_off_learns_it_when_it_asks() {
    let postgres = postgres().await;
    let first = postgres.pool.try_lead("report").await.unwrap().unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(postgres.pool.query_all(sql(end, [])).await.unwrap().len(), 1);
    let second = postgres.pool.lead("report").await.unwrap();
    assert!(second.token() > first.token());
    assert!(first.check().await.is_err());
    second.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_leads() {
    let postgres = postgres().await;
    let contenders = (0..8).map(|_| {
        let pool = postgres.pool.clone();
        tokio::spawn(async move { pool.try_lead("report").await.unwrap() })
    });
    let outcomes = futures_util::future::join_all(contenders.collect::<Vec<_>>()).await;
    let leaders = outcomes.iter().filter(|outcome| outcome.as_ref().unwrap().is_some()).count();
    assert_eq!(leaders, 1);
}

#[tokio::test]
async fn sqlite_says_that_it_cannot() {
    assert_eq!(memory().await.try_lead("x").await.unwrap_err().condition(), Condition::Unsupported);
}
