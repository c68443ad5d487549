//! The outcomes of an attempt.

use std::time::Duration;

use super::harness::{Harness, LEASE, claim, claim_all, claimed, job};
use crate::store::{Finished, KnownKind, Verdict};
use crate::{CancelOutcome, JobState};

/// It leaves the queue for the history.
pub async fn done(harness: &impl Harness) {
    let store = harness.store();
    let run = claimed(&*store, job("a")).await.run;
    let report = store.finish(&[Finished::new(run, Verdict::Done)]).await.unwrap();
    assert!(report.stale.is_empty());
    let record = store.inspect(run.job).await.unwrap().unwrap();
    assert_eq!((record.status.state, record.status.attempt), (JobState::Done, 1));
    assert!(claim_all(&*store).await.is_empty());
}

/// After its pause, with the next attempt.
pub async fn retried(harness: &impl Harness) {
    let store = harness.store();
    let run = claimed(&*store, job("a")).await.run;
    let retry = Verdict::Retry { after: Duration::from_secs(60), reason: "not\0 now\n".to_owned() };
    store.finish(&[Finished::new(run, retry)]).await.unwrap();
    assert!(claim_all(&*store).await.is_empty());
    let record = store.inspect(run.job).await.unwrap().unwrap();
    assert_eq!(record.status.state, JobState::Waiting);
    assert_eq!(record.reason.as_deref(), Some("not  now "));
    harness.pass(Duration::from_secs(61)).await;
    let again = claim(&*store, 1).await.pop().unwrap();
    assert_eq!((again.attempt, again.run.job), (2, run.job));
    assert!(again.run.token > run.token);
}

/// After its pause; the attempt does not count.
pub async fn snoozed(harness: &impl Harness) {
    let store = harness.store();
    let run = claimed(&*store, job("a")).await.run;
    store.finish(&[Finished::new(run, Verdict::Snooze { after: Duration::from_secs(60) })]).await.unwrap();
    assert!(claim_all(&*store).await.is_empty());
    harness.pass(Duration::from_secs(61)).await;
    assert_eq!(claim(&*store, 1).await.pop().unwrap().attempt, 1);
}

/// At once, at its old rank; the attempt does not count.
pub async fn given_back(harness: &impl Harness) {
    let store = harness.store();
    let run = claimed(&*store, job("a")).await.run;
    store.insert(&[job("b")]).await.unwrap();
    store.finish(&[Finished::new(run, Verdict::GiveBack)]).await.unwrap();
    let again = claim(&*store, 2).await;
    assert_eq!((again[0].attempt, again[0].payload.as_str(), again[1].payload.as_str()), (1, "a", "b"));
}

/// It waits for an operator, with its payload.
pub async fn dead(harness: &impl Harness) {
    let store = harness.store();
    let run = claimed(&*store, job("a")).await.run;
    let mut dead = Finished::new(run, Verdict::Dead { reason: "broken".to_owned() });
    dead.keep = false;
    store.finish(&[dead]).await.unwrap();
    let record = store.inspect(run.job).await.unwrap().unwrap();
    assert_eq!((record.status.state, record.payload.as_str()), (JobState::Dead, "a"));
    assert_eq!(record.reason.as_deref(), Some("broken"));
    assert!(claim_all(&*store).await.is_empty());
}

/// By its handler.
pub async fn cancelled(harness: &impl Harness) {
    let store = harness.store();
    let run = claimed(&*store, job("a")).await.run;
    store.finish(&[Finished::new(run, Verdict::Cancelled)]).await.unwrap();
    assert_eq!(store.inspect(run.job).await.unwrap().unwrap().status.state, JobState::Cancelled);
}

/// Its job is gone already, which is as it should be; if it is not, the job runs again.
pub async fn completed_in_a_transaction(harness: &impl Harness) {
    let store = harness.store();
    let run = claimed(&*store, job("a")).await.run;
    store.finish(&[Finished::new(run, Verdict::Done)]).await.unwrap();
    let completed = Verdict::Completed { after: Duration::ZERO };
    let report = store.finish(&[Finished::new(run, completed.clone())]).await.unwrap();
    assert!(report.stale.is_empty());
    let run = claimed(&*store, job("b")).await.run;
    store.finish(&[Finished::new(run, completed)]).await.unwrap();
    harness.pass(Duration::from_secs(1)).await;
    assert_eq!(claim(&*store, 1).await.pop().unwrap().run.job, run.job);
}

/// Neither a second end nor one of an attempt before.
pub async fn stale_ends_change_nothing(harness: &impl Harness) {
    let store = harness.store();
    let old = claimed(&*store, job("a")).await.run;
    harness.pass(LEASE + Duration::from_secs(1)).await;
    store.rescue(&[KnownKind::new("work", 1)], 3).await.unwrap();
    for verdict in [Verdict::Done, Verdict::GiveBack, Verdict::Dead { reason: "late".to_owned() }] {
        let report = store.finish(&[Finished::new(old, verdict)]).await.unwrap();
        assert_eq!(report.stale, [old], "it waits");
    }
    let new = claim(&*store, 1).await.pop().unwrap();
    assert_eq!(new.attempt, 2);
    let report = store
        .finish(&[Finished::new(old, Verdict::Done), Finished::new(new.run, Verdict::Done)])
        .await
        .unwrap();
    assert_eq!(report.stale, [old], "another attempt runs");
    let report = store.finish(&[Finished::new(new.run, Verdict::Done)]).await.unwrap();
    assert_eq!(report.stale, [new.run], "it is done");
}

/// What is not to be kept leaves no trace.
pub async fn history_by_policy(harness: &impl Harness) {
    let store = harness.store();
    let run = claimed(&*store, job("a")).await.run;
    let mut done = Finished::new(run, Verdict::Done);
    done.keep = false;
    store.finish(&[done]).await.unwrap();
    assert_eq!(store.inspect(run.job).await.unwrap(), None);
}

/// A job that is to be cancelled does not run again.
pub async fn cancel_beats_retry(harness: &impl Harness) {
    let store = harness.store();
    for verdict in [
        Verdict::Retry { after: Duration::ZERO, reason: "x".to_owned() },
        Verdict::Snooze { after: Duration::ZERO },
        Verdict::GiveBack,
    ] {
        let run = claimed(&*store, job("a")).await.run;
        assert_eq!(store.cancel(run.job).await.unwrap(), CancelOutcome::Asked);
        store.finish(&[Finished::new(run, verdict)]).await.unwrap();
        assert_eq!(store.inspect(run.job).await.unwrap().unwrap().status.state, JobState::Cancelled);
    }
    let run = claimed(&*store, job("a")).await.run;
    store.cancel(run.job).await.unwrap();
    store.finish(&[Finished::new(run, Verdict::Done)]).await.unwrap();
    assert_eq!(store.inspect(run.job).await.unwrap().unwrap().status.state, JobState::Done, "it was done");
}
