//! Unique keys.

use std::time::Duration;

use super::harness::{Harness, LEASE, claim, claimed, job};
use crate::store::{Finished, KnownKind, NewJob, Verdict};
use crate::{Enqueued, Unique};

fn with(unique: Unique) -> NewJob {
    let mut job = job("{}");
    job.unique = Some(unique);
    job
}

/// Through retries and rescues, until the job is done, dead or cancelled.
pub async fn until_finished(harness: &impl Harness) {
    let store = harness.store();
    let key = || with(Unique::until_finished("k"));
    let mut holder = store.insert(&[key()]).await.unwrap()[0].id();
    for end in [Verdict::Done, Verdict::Dead { reason: "x".to_owned() }, Verdict::Cancelled] {
        assert_eq!(store.insert(&[key()]).await.unwrap(), [Enqueued::Existing(holder)]);
        let run = claim(&*store, 9).await.pop().unwrap().run;
        let retry = Verdict::Retry { after: Duration::ZERO, reason: "x".to_owned() };
        store.finish(&[Finished::new(run, retry)]).await.unwrap();
        harness.pass(Duration::from_secs(1)).await;
        assert_eq!(store.insert(&[key()]).await.unwrap(), [Enqueued::Existing(holder)]);
        let run = claim(&*store, 9).await.pop().unwrap().run;
        harness.pass(LEASE + Duration::from_secs(1)).await;
        store.rescue(&[KnownKind::new("work", 1)], 9).await.unwrap();
        assert_eq!(store.insert(&[key()]).await.unwrap(), [Enqueued::Existing(holder)]);
        assert_eq!(store.finish(&[Finished::new(run, end.clone())]).await.unwrap().stale, [run]);
        let run = claim(&*store, 9).await.pop().unwrap().run;
        store.finish(&[Finished::new(run, end)]).await.unwrap();
        let next = store.insert(&[key()]).await.unwrap()[0];
        assert!(next.is_new());
        holder = next.id();
    }
    store.cancel(holder).await.unwrap();
    assert!(store.insert(&[key()]).await.unwrap()[0].is_new(), "cancelled while it waited");
}

/// A change that comes while the job runs gets another job.
pub async fn until_started(harness: &impl Harness) {
    let store = harness.store();
    let key = || with(Unique::until_started("k"));
    let first = store.insert(&[key()]).await.unwrap()[0].id();
    assert_eq!(store.insert(&[key()]).await.unwrap(), [Enqueued::Existing(first)]);
    let run = claim(&*store, 1).await.pop().unwrap().run;
    let second = store.insert(&[key()]).await.unwrap()[0];
    assert!(second.is_new());
    store.finish(&[Finished::new(run, Verdict::Done)]).await.unwrap();
    assert_eq!(
        store.insert(&[key()]).await.unwrap(),
        [Enqueued::Existing(second.id())],
        "not released by the first"
    );
}

/// Whatever becomes of the job.
pub async fn windows(harness: &impl Harness) {
    let store = harness.store();
    let mut first = with(Unique::window("k", Duration::from_secs(60)));
    first.id = crate::JobId::generate();
    let run = claimed(&*store, first).await.run;
    store.finish(&[Finished::new(run, Verdict::Done)]).await.unwrap();
    let again = || with(Unique::window("k", Duration::from_secs(60)));
    assert_eq!(store.insert(&[again()]).await.unwrap(), [Enqueued::Existing(run.job)]);
    harness.pass(Duration::from_secs(61)).await;
    assert!(store.insert(&[again()]).await.unwrap()[0].is_new());
    assert!(!store.insert(&[again()]).await.unwrap()[0].is_new());
}

/// Other kinds have their own.
pub async fn keys_are_of_a_kind(harness: &impl Harness) {
    let store = harness.store();
    let mut other = NewJob::new("other", "main", "{}");
    other.unique = Some(Unique::until_finished("k"));
    let enqueued =
        store.insert(&[with(Unique::until_finished("k")), other, job("none"), job("none")]).await.unwrap();
    assert!(enqueued.iter().all(|enqueued| enqueued.is_new()) && enqueued.len() == 4);
}
