//! How a subscription begins and ends.

use std::time::Duration;

use underpin_errors::HealthStatus;

use super::fixtures::{event, eventually, options, within};
use super::harness::Harness;
use super::recorder::{Answer, Recorder};
use crate::{DrainOutcome, EventsError, Outcome};

/// A drain waits for the handlers that run, and no handler begins after it.
pub async fn drain_waits_for_running_handlers(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let finished = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let counted = std::sync::Arc::clone(&finished);
    let handler = crate::handler_fn(move |_| {
        let (finished, begun) = (std::sync::Arc::clone(&counted), begun.clone());
        async move {
            begun.send(()).expect("the test listens");
            tokio::time::sleep(Duration::from_millis(700)).await;
            finished.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Outcome::ack()
        }
    });
    let subscription = bus.subscribe(options("drain").concurrency(2), handler).await.expect("subscribed");
    for n in 0..20 {
        bus.publish(event("order.placed", &n.to_string())).await.expect("published");
    }
    within(patience, "two handlers begin", async {
        begins.recv().await;
        begins.recv().await;
    })
    .await;
    assert_eq!(subscription.drain(patience).await, DrainOutcome::Drained);
    let at_drain = finished.load(std::sync::atomic::Ordering::SeqCst);
    assert!(at_drain >= 2, "drain did not wait");
    within(patience, "it is closed", subscription.closed()).await;
    bus.publish(event("order.placed", "late")).await.expect("published");
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert_eq!(finished.load(std::sync::atomic::Ordering::SeqCst), at_drain, "a handler ran after the drain");
    // What was given back is still there for the next subscription of that name.
    let recorder = Recorder::acking();
    let next = bus.subscribe(options("drain"), recorder.handler()).await.expect("subscribed");
    recorder.wait_for(21 - at_drain, patience).await;
    assert_eq!(next.drain(patience).await, DrainOutcome::Drained);
}

/// A drain that runs out of time cancels the handlers and says how many; their events come again.
pub async fn drain_cancels_what_exceeds_its_limit_and_the_event_comes_again(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let stuck = Recorder::answering(|_| Answer::After(Duration::from_secs(600), Outcome::ack()));
    let quick = options("stuck").handler_timeout(Duration::from_secs(700)).ack_wait(Duration::from_secs(1));
    let subscription = bus.subscribe(quick.clone(), stuck.handler()).await.expect("subscribed");
    bus.publish(event("order.placed", "1")).await.expect("published");
    stuck.wait_for(1, patience).await;
    let outcome = within(patience, "the drain ends", subscription.drain(Duration::from_millis(200))).await;
    assert_eq!(outcome, DrainOutcome::TimedOut { cancelled: 1 });
    let recorder = Recorder::acking();
    let _next = bus.subscribe(quick, recorder.handler()).await.expect("subscribed");
    recorder.wait_for(1, patience).await;
}

/// A later subscription of the same name goes on where the earlier one ended.
pub async fn a_name_goes_on_where_it_was(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let first = Recorder::acking();
    let subscription = bus.subscribe(options("durable"), first.handler()).await.expect("subscribed");
    bus.publish(event("order.placed", "1")).await.expect("published");
    first.wait_for(1, patience).await;
    assert_eq!(subscription.drain(patience).await, DrainOutcome::Drained);
    bus.publish(event("order.placed", "2")).await.expect("published");
    let second = Recorder::acking();
    let _again = bus.subscribe(options("durable"), second.handler()).await.expect("subscribed");
    bus.publish(event("order.placed", "3")).await.expect("published");
    second.wait_for(2, patience).await;
    let mut subjects = second.subjects();
    subjects.sort();
    assert_eq!(subjects, ["2", "3"]);
}

/// A subscription is healthy while it runs, names itself, and is not once it is drained.
pub async fn health_follows_the_subscription(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let subscription = bus.subscribe(options("health"), Recorder::acking()).await.expect("subscribed");
    assert_eq!(subscription.name(), "health");
    eventually(patience, "it is up", || async { subscription.check().await.status == HealthStatus::Up })
        .await;
    assert_eq!(subscription.drain(patience).await, DrainOutcome::Drained);
    assert_eq!(subscription.check().await.status, HealthStatus::Down);
}

/// A subscription ends when its last handle is dropped.
pub async fn dropping_the_last_handle_ends_it(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let handler = Recorder::acking();
    let watched = std::sync::Arc::downgrade(&handler);
    let subscription = bus.subscribe(options("dropped"), handler).await.expect("subscribed");
    drop(subscription);
    eventually(patience, "its tasks let go of the handler", || async { watched.upgrade().is_none() }).await;
}

/// Options out of range are refused before anything is created.
pub async fn invalid_options_are_refused(harness: &impl Harness) {
    let bus = harness.bus().await;
    for bad in [options("no spaces"), options("ok").concurrency(0), options("ok").types(["a..b"])] {
        let error = bus.subscribe(bad, Recorder::acking()).await.err().expect("refused");
        assert!(matches!(error, EventsError::InvalidOption { .. }), "{error:?}");
    }
}
