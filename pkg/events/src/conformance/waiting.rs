//! Events that wait for their next attempt, and what is delivered meanwhile.

use std::sync::Arc;
use std::time::Duration;

use underpin_errors::HealthStatus;

use super::fixtures::{event, eventually, options};
use super::harness::{Bus, Harness};
use super::recorder::{Answer, Recorder};
use crate::{DrainOutcome, Event, Order, Outcome};

const AN_HOUR: Duration = Duration::from_secs(3600);

/// More events wait for a retry than a broker keeps unacknowledged by default, and another event is delivered at once.
pub async fn thousands_of_events_that_wait_for_a_retry_hold_up_no_other(harness: &impl Harness) {
    const WAIT: usize = 9_000;
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = failing(|| Outcome::retry_after(AN_HOUR, "their system is away"));
    let patient = options("tenants").concurrency(256).max_attempts(1000);
    let subscription = bus.subscribe(patient, recorder.handler()).await.expect("subscribed");
    publish(&*bus, (0..WAIT).map(|_| event("order.placed", "bad"))).await;
    recorder.wait_for(WAIT, patience * 3).await;
    bus.publish(event("order.placed", "good")).await.expect("published");
    recorder.wait_for(WAIT + 1, patience).await;
    assert_eq!(subscription.check().await.status, HealthStatus::Up);
    eventually(patience, "only what waits is left", || async {
        subscription.lag().await.is_ok_and(|lag| (lag.waiting, lag.in_flight) == (0, WAIT as u64))
    })
    .await;
    assert_eq!(subscription.drain(patience).await, DrainOutcome::Drained);
}

/// More events are postponed than one process has in progress, and another event is delivered at once.
pub async fn postponed_events_hold_up_no_other(harness: &impl Harness) {
    const WAIT: usize = 500;
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = failing(|| Outcome::postpone(AN_HOUR, "not its turn"));
    let few = options("turns").concurrency(4);
    let subscription = bus.subscribe(few, recorder.handler()).await.expect("subscribed");
    publish(&*bus, (0..WAIT).map(|_| event("order.placed", "bad"))).await;
    recorder.wait_for(WAIT, patience).await;
    bus.publish(event("order.placed", "good")).await.expect("published");
    recorder.wait_for(WAIT + 1, patience).await;
    assert_eq!(subscription.check().await.status, HealthStatus::Up);
    assert_eq!(subscription.drain(patience).await, DrainOutcome::Drained);
}

/// More events wait behind a failing one of their key than one process has in progress, and other keys go on.
pub async fn events_behind_a_failing_one_hold_up_no_other_key(harness: &impl Harness) {
    const BEHIND: usize = 500;
    const OTHERS: usize = 64;
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = failing(|| Outcome::retry_after(AN_HOUR, "their system is away"));
    let ordered = options("keys").order(Order::PerKey).concurrency(8);
    let subscription = bus.subscribe(ordered, recorder.handler()).await.expect("subscribed");
    publish(&*bus, (0..=BEHIND).map(|_| event("order.placed", "bad"))).await;
    recorder.wait_for(1, patience).await;
    publish(&*bus, (0..OTHERS).map(|n| event("order.placed", &format!("good-{n}")))).await;
    // Some of the keys share the place of the failing one; most do not.
    recorder.wait_for(1 + OTHERS / 2, patience).await;
    assert_eq!(recorder.subjects().iter().filter(|subject| *subject == "bad").count(), 1);
    assert_eq!(subscription.check().await.status, HealthStatus::Up);
    assert_eq!(subscription.drain(patience).await, DrainOutcome::Drained);
}

/// A subscription with so many waiting events that nothing else is delivered is down.
pub async fn too_many_events_that_wait_show_in_health(harness: &impl Harness) {
    const WAIT: usize = 8_500;
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = failing(|| Outcome::retry_after(AN_HOUR, "their system is away"));
    let limited = options("limited").concurrency(256).max_attempts(1000).max_waiting(1);
    let subscription = bus.subscribe(limited, recorder.handler()).await.expect("subscribed");
    publish(&*bus, (0..WAIT).map(|_| event("order.placed", "bad"))).await;
    eventually(patience * 3, "it is down", || async {
        let health = subscription.check().await;
        health.status == HealthStatus::Down
            && health.reason.is_some_and(|reason| reason.contains("max_waiting"))
    })
    .await;
    assert!(recorder.seen().len() < WAIT, "the limit is none");
    assert_eq!(subscription.drain(patience).await, DrainOutcome::Drained);
}

/// Acknowledges every event except the bad ones.
fn failing(outcome: impl Fn() -> Outcome + Send + Sync + 'static) -> Arc<Recorder> {
    Recorder::answering(move |delivery| {
        let bad = delivery.event().subject() == Some("bad");
        Answer::Now(if bad { outcome() } else { Outcome::ack() })
    })
}

/// In batches that are in time on a busy machine.
async fn publish(bus: &dyn Bus, events: impl Iterator<Item = Event>) {
    let events: Vec<Event> = events.collect();
    for batch in events.chunks(500) {
        assert!(bus.publish_batch(batch.to_vec()).await.iter().all(Result::is_ok));
    }
}
