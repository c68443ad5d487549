//! What operators see and do.

use std::time::Duration;

use super::harness::{Harness, claim, claimed, job};
use crate::store::{Finished, NewJob, Verdict};
use crate::{CancelOutcome, JobFilter, JobId, JobState};

/// In the order of the ids, over all states, with filters.
pub async fn lists_are_pages(harness: &impl Harness) {
    let store = harness.store();
    let mut jobs: Vec<NewJob> = (0..6).map(|n| job(&n.to_string())).collect();
    jobs[5].kind = "other".to_owned();
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    store.insert(&jobs).await.unwrap();
    let runs = claim(&*store, 3).await;
    store
        .finish(&[
            Finished::new(runs[0].run, Verdict::Done),
            Finished::new(runs[1].run, Verdict::Dead { reason: "x".to_owned() }),
        ])
        .await
        .unwrap();
    store.cancel(ids[3]).await.unwrap();
    let all = store.list(&JobFilter::default(), None, 4).await.unwrap();
    assert_eq!(all.iter().map(|status| status.id).collect::<Vec<_>>(), ids[..4]);
    let states: Vec<JobState> = all.iter().map(|status| status.state).collect();
    assert_eq!(states, [JobState::Done, JobState::Dead, JobState::Running, JobState::Cancelled]);
    let rest = store.list(&JobFilter::default(), Some(ids[3]), 100).await.unwrap();
    assert_eq!(rest.iter().map(|status| status.id).collect::<Vec<_>>(), ids[4..]);
    for state in states {
        let found = store.list(&JobFilter::default().state(state), None, 100).await.unwrap();
        assert_eq!(found.len(), 1, "{state:?}");
    }
    let other = store.list(&JobFilter::default().kind("other").queue("main"), None, 9).await.unwrap();
    assert_eq!((other.len(), other[0].id), (1, ids[5]));
    assert!(store.list(&JobFilter::default().queue("nowhere"), None, 9).await.unwrap().is_empty());
    let record = store.inspect(ids[4]).await.unwrap().unwrap();
    assert_eq!((record.payload.as_str(), record.status.state), ("4", JobState::Waiting));
    assert!(record.status.enqueued_at <= record.status.at + Duration::from_secs(1));
}

/// Removed, asked, ended, unknown.
pub async fn cancels_say_what_they_did(harness: &impl Harness) {
    let store = harness.store();
    let id = store.insert(&[job("a")]).await.unwrap()[0].id();
    assert_eq!(store.cancel(id).await.unwrap(), CancelOutcome::Removed);
    assert_eq!(store.inspect(id).await.unwrap().unwrap().status.state, JobState::Cancelled);
    assert_eq!(store.cancel(id).await.unwrap(), CancelOutcome::Ended);
    let run = claimed(&*store, job("b")).await.run;
    assert_eq!(store.cancel(run.job).await.unwrap(), CancelOutcome::Asked);
    assert!(store.inspect(run.job).await.unwrap().unwrap().status.cancel_asked);
    assert_eq!(store.cancel(JobId::generate()).await.unwrap(), CancelOutcome::Unknown);
}

/// A replayed job has all its attempts; a discarded one is gone.
pub async fn dead_jobs_are_replayed_or_discarded(harness: &impl Harness) {
    let store = harness.store();
    let run = claimed(&*store, job("a")).await.run;
    assert!(!store.replay(run.job).await.unwrap() && !store.discard(run.job).await.unwrap(), "it runs");
    let dead = Verdict::Dead { reason: "x".to_owned() };
    store.finish(&[Finished::new(run, dead.clone())]).await.unwrap();
    assert!(store.replay(run.job).await.unwrap());
    assert!(!store.replay(run.job).await.unwrap(), "once");
    let again = claim(&*store, 1).await.pop().unwrap();
    assert_eq!((again.run.job, again.attempt, again.payload.as_str()), (run.job, 1, "a"));
    store.finish(&[Finished::new(again.run, dead)]).await.unwrap();
    assert!(store.discard(run.job).await.unwrap());
    assert_eq!(store.inspect(run.job).await.unwrap(), None);
}

/// By queue, kind and version, also of kinds that are not claimed.
pub async fn queues_are_counted(harness: &impl Harness) {
    let store = harness.store();
    let mut later = job("later");
    later.after = Duration::from_secs(1000);
    let mut newer = job("newer");
    newer.version = 7;
    store
        .insert(&[job("a"), job("b"), job("c"), later, newer, NewJob::new("x", "other", "{}")])
        .await
        .unwrap();
    let runs = claim(&*store, 2).await;
    store.finish(&[Finished::new(runs[0].run, Verdict::Dead { reason: "x".to_owned() })]).await.unwrap();
    harness.pass(Duration::from_secs(20)).await;
    let queues = store.queues().await.unwrap();
    let count = |kind: &str, version| {
        let found = queues.iter().find(|status| (status.kind.as_str(), status.version) == (kind, version));
        found.map(|status| (status.ready, status.scheduled, status.running, status.dead)).unwrap()
    };
    assert_eq!(
        (count("work", 1), count("work", 7), count("x", 1)),
        ((1, 1, 1, 1), (1, 0, 0, 0), (1, 0, 0, 0))
    );
    assert!(queues[0].queue == "main" && queues[0].oldest >= Duration::from_secs(19));
}

/// And nothing else.
pub async fn old_history_is_swept(harness: &impl Harness) {
    let store = harness.store();
    let old = claimed(&*store, job("old")).await.run;
    store.finish(&[Finished::new(old, Verdict::Done)]).await.unwrap();
    harness.pass(Duration::from_secs(100)).await;
    let new = claimed(&*store, job("new")).await.run;
    store.finish(&[Finished::new(new, Verdict::Done)]).await.unwrap();
    assert_eq!(store.sweep(Duration::from_secs(50), 100).await.unwrap(), 1);
    assert_eq!(store.inspect(old.job).await.unwrap(), None);
    assert!(store.inspect(new.job).await.unwrap().is_some());
}
