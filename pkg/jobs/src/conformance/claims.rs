//! Which jobs a claim takes.

use std::collections::HashSet;
use std::time::Duration;

use super::harness::{Harness, LEASE, claim, claim_all, job};
use crate::store::{Claim, ClaimKind, NewJob};

/// By due time and priority, where a lower priority costs one aging; in the order of inserts otherwise.
pub async fn in_the_order_of_ranks(harness: &impl Harness) {
    let store = harness.store();
    let mut low = job("low");
    low.priority = 9;
    let mut high = job("high");
    high.priority = 0;
    store.insert(&[low, job("a"), job("b"), high]).await.unwrap();
    assert_eq!(claim_all(&*store).await, ["high", "a", "b", "low"]);

    let mut starved = job("starved");
    (starved.priority, starved.aging) = (9, Duration::from_secs(1));
    store.insert(&[starved]).await.unwrap();
    harness.pass(Duration::from_secs(30)).await;
    let mut newer = job("newer");
    newer.priority = 0;
    store.insert(&[newer]).await.unwrap();
    assert_eq!(claim_all(&*store).await, ["starved", "newer"], "it has aged past all priorities");
}

/// No other queue, kind or newer version.
pub async fn only_what_is_asked_for(harness: &impl Harness) {
    let store = harness.store();
    let mut newer = job("newer");
    newer.version = 2;
    let other = [NewJob::new("other", "main", "kind"), NewJob::new("work", "other", "queue"), newer];
    store.insert(&other).await.unwrap();
    store.insert(&[job("mine")]).await.unwrap();
    assert_eq!(claim_all(&*store).await, ["mine"]);
    let kinds = vec![ClaimKind::new("main", 10, "work", 2), ClaimKind::new("main", 10, "other", 1)];
    let claimed = store.claim(&Claim::new(kinds, LEASE, "newer")).await.unwrap();
    assert_eq!(claimed.len(), 2);
    assert!(claimed.iter().any(|claimed| (claimed.version, claimed.payload.as_str()) == (2, "newer")));
}

/// Of a queue and of a kind.
pub async fn limits_hold(harness: &impl Harness) {
    let store = harness.store();
    let jobs: Vec<NewJob> =
        (0..20).map(|n| NewJob::new(if n % 2 == 0 { "work" } else { "other" }, "main", "{}")).collect();
    store.insert(&jobs).await.unwrap();
    let mut kinds = vec![ClaimKind::new("main", 5, "work", 1), ClaimKind::new("main", 5, "other", 1)];
    kinds[0].most = 2;
    let claimed = store.claim(&Claim::new(kinds, LEASE, "suite")).await.unwrap();
    assert_eq!(claimed.len(), 5);
    assert_eq!(claimed.iter().filter(|claimed| claimed.kind == "work").count(), 2);
    assert_eq!(claim(&*store, 100).await.len(), 8, "the rest was not touched");
}

/// Until their time, whatever their priority.
pub async fn scheduled_jobs_wait(harness: &impl Harness) {
    let store = harness.store();
    let mut later = job("later");
    (later.after, later.priority) = (Duration::from_secs(100), 0);
    store.insert(&[later]).await.unwrap();
    assert!(claim_all(&*store).await.is_empty());
    harness.pass(Duration::from_secs(101)).await;
    let claimed = claim(&*store, 1).await.pop().unwrap();
    assert!(claimed.waited >= Duration::from_millis(900) && claimed.waited < Duration::from_secs(60));
}

/// With each claim, for one job and over all of them.
pub async fn tokens_grow(harness: &impl Harness) {
    let store = harness.store();
    store.insert(&[job("a"), job("b")]).await.unwrap();
    let mut last = i64::MIN;
    for attempt in 1..4 {
        let mut tokens: Vec<i64> = claim(&*store, 2)
            .await
            .iter()
            .map(|claimed| {
                assert_eq!(claimed.attempt, attempt);
                claimed.run.token
            })
            .collect();
        tokens.sort_unstable();
        assert!(tokens.len() == 2 && tokens[0] > last && tokens[1] > tokens[0], "{tokens:?} after {last}");
        last = tokens[1];
        harness.pass(LEASE + Duration::from_secs(1)).await;
        store.rescue(&[crate::store::KnownKind::new("work", 1)], 100).await.unwrap();
        harness.pass(Duration::from_secs(70)).await;
    }
}

/// Until they are resumed; other queues go on.
pub async fn paused_queues_give_nothing(harness: &impl Harness) {
    let store = harness.store();
    store.insert(&[job("a")]).await.unwrap();
    store.set_paused("main", true).await.unwrap();
    store.set_paused("other", false).await.unwrap();
    assert!(claim_all(&*store).await.is_empty());
    assert!(store.queues().await.unwrap()[0].paused);
    store.set_paused("main", false).await.unwrap();
    assert_eq!(claim_all(&*store).await, ["a"]);
}

/// No job goes to two.
pub async fn concurrent_claims_share(harness: &impl Harness) {
    let store = harness.store();
    let jobs: Vec<NewJob> = (0..200).map(|n| job(&n.to_string())).collect();
    store.insert(&jobs).await.unwrap();
    let claims = (0..8).map(|_| {
        let store = harness.store();
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let got = claim(&*store, 7).await;
                if got.is_empty() {
                    return mine;
                }
                mine.extend(got.into_iter().map(|claimed| claimed.run.job));
            }
        })
    });
    let mut all = Vec::new();
    for claimed in futures_util::future::join_all(claims).await {
        all.extend(claimed.unwrap());
    }
    // A claim may skip what another is looking at; nothing is left in the end.
    all.extend(claim(&*store, 1000).await.into_iter().map(|claimed| claimed.run.job));
    assert_eq!(all.len(), 200);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 200);
}
