//! Leases, heartbeats and what becomes of lost attempts.

use std::time::Duration;

use super::harness::{Harness, LEASE, claim, claim_all, claimed, job};
use crate::store::{Claim, ClaimKind, Heartbeat, KnownKind, NewJob, RescueOutcome};
use crate::{JobState, Progress};

fn known() -> [KnownKind; 1] {
    [KnownKind::new("work", 1)]
}

/// When their leases have expired, and not before.
pub async fn lost_jobs_come_back(harness: &impl Harness) {
    let store = harness.store();
    let run = claimed(&*store, job("a")).await.run;
    assert!(store.rescue(&known(), 3).await.unwrap().is_empty());
    harness.pass(LEASE + Duration::from_secs(1)).await;
    assert!(claim_all(&*store).await.is_empty(), "it is not claimed before its rescue");
    let rescued = store.rescue(&known(), 3).await.unwrap();
    assert_eq!((rescued.len(), rescued[0].job, rescued[0].outcome), (1, run.job, RescueOutcome::Requeued));
    assert!(store.rescue(&known(), 3).await.unwrap().is_empty(), "once");
    assert_eq!(claim(&*store, 1).await.pop().unwrap().attempt, 2, "a lost attempt counts");
}

/// A job that is lost again and again is dead.
pub async fn poison_dies(harness: &impl Harness) {
    let store = harness.store();
    store.insert(&[job("poison")]).await.unwrap();
    for round in 0..=2 {
        // From the second time on it waits for a while.
        harness.pass(Duration::from_secs(70)).await;
        let run = claim(&*store, 1).await.pop().unwrap().run;
        harness.pass(LEASE + Duration::from_secs(1)).await;
        let outcome = store.rescue(&known(), 2).await.unwrap()[0].outcome;
        let expected = if round < 2 { RescueOutcome::Requeued } else { RescueOutcome::Dead };
        assert_eq!(outcome, expected, "round {round}");
        let record = store.inspect(run.job).await.unwrap().unwrap();
        assert_eq!(record.reason.as_deref(), Some("lost"));
    }
    assert!(claim_all(&*store).await.is_empty());
}

/// Also newer versions: a worker that knows them decides. However many they are, they hide no others.
pub async fn unknown_kinds_stay(harness: &impl Harness) {
    let store = harness.store();
    let many: Vec<NewJob> = (0..150).map(|_| NewJob::new("unknown", "main", "{}")).collect();
    store.insert(&many).await.unwrap();
    let kinds = vec![ClaimKind::new("main", 150, "unknown", 1)];
    assert_eq!(store.claim(&Claim::new(kinds, LEASE, "suite")).await.unwrap().len(), 150);
    let run = claimed(&*store, job("a")).await.run;
    harness.pass(LEASE + Duration::from_secs(1)).await;
    assert!(
        store.rescue(&[KnownKind::new("other", 9), KnownKind::new("work", 0)], 3).await.unwrap().is_empty()
    );
    assert_eq!(store.inspect(run.job).await.unwrap().unwrap().status.state, JobState::Running);
    let rescued = store.rescue(&known(), 3).await.unwrap();
    assert_eq!(rescued.iter().map(|rescue| rescue.job).collect::<Vec<_>>(), [run.job]);
}

/// The lease; and they bring the wish to cancel.
pub async fn heartbeats_keep(harness: &impl Harness) {
    let store = harness.store();
    let (a, b) = (claimed(&*store, job("a")).await.run, claimed(&*store, job("b")).await.run);
    harness.pass(LEASE - Duration::from_secs(5)).await;
    assert_eq!(store.heartbeat(&[a], LEASE).await.unwrap(), [Heartbeat { run: a, cancel: false }]);
    harness.pass(Duration::from_secs(10)).await;
    assert_eq!(store.rescue(&known(), 3).await.unwrap()[0].job, b.job);
    store.cancel(a.job).await.unwrap();
    assert_eq!(store.heartbeat(&[a, b], LEASE).await.unwrap(), [Heartbeat { run: a, cancel: true }]);
    harness.pass(LEASE + Duration::from_secs(1)).await;
    assert_eq!(store.rescue(&known(), 3).await.unwrap()[0].outcome, RescueOutcome::Cancelled);
    assert_eq!(store.inspect(a.job).await.unwrap().unwrap().status.state, JobState::Cancelled);
}

/// Within an attempt; a lost attempt writes none.
pub async fn progress_never_falls(harness: &impl Harness) {
    let store = harness.store();
    let run = claimed(&*store, job("a")).await.run;
    store.progress(&[(run, Progress::new(5, 10).note("half"))]).await.unwrap();
    store.progress(&[(run, Progress::new(3, 12))]).await.unwrap();
    let progress = store.inspect(run.job).await.unwrap().unwrap().status.progress;
    assert_eq!(progress, Some(Progress::new(5, 12)));
    harness.pass(LEASE + Duration::from_secs(1)).await;
    store.rescue(&known(), 3).await.unwrap();
    store.progress(&[(run, Progress::new(9, 12))]).await.unwrap();
    assert_eq!(store.inspect(run.job).await.unwrap().unwrap().status.progress, None);
}
