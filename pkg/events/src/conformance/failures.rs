//! What happens when a handler does not do its work.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::fixtures::{event, eventually, options};
use super::harness::Harness;
use super::recorder::{Answer, Recorder};
use crate::{Backoff, Outcome};

/// A retry comes again, not before its delay, as the next attempt.
pub async fn a_retry_comes_again_after_its_delay(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let delay = Duration::from_millis(300);
    let recorder = Recorder::answering(move |delivery| {
        Answer::Now(if delivery.attempt() < 3 {
            Outcome::retry_after(delay, "not yet")
        } else {
            Outcome::ack()
        })
    });
    let subscription = bus.subscribe(options("again"), recorder.handler()).await.expect("subscribed");
    bus.publish(event("order.placed", "1")).await.expect("published");
    let seen = recorder.wait_for(3, patience).await;
    let attempts: Vec<u32> = seen.iter().map(|seen| seen.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    for pair in seen.windows(2) {
        if let [before, after] = pair {
            let waited = after.at - before.at;
            assert!(waited >= delay.mul_f64(0.9), "came again after {waited:?}");
        }
    }
    eventually(patience, "it is confirmed", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
}

/// After the last attempt the event is a dead letter, and is not delivered again.
pub async fn attempts_end_in_a_dead_letter(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = Recorder::answering(|_| Answer::Now(Outcome::retry("the shop is closed")));
    let subscription =
        bus.subscribe(options("never").max_attempts(3), recorder.handler()).await.expect("subscribed");
    bus.publish(event("order.placed", "1")).await.expect("published");
    eventually(patience, "a dead letter", || async {
        bus.list(0, 10).await.is_ok_and(|dead_letters| dead_letters.len() == 1)
    })
    .await;
    eventually(patience, "it is completed", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    let attempts: Vec<u32> = recorder.seen().iter().map(|seen| seen.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
}

/// A panic counts as a failed attempt; other events and later attempts go on.
pub async fn a_panic_is_a_failed_attempt_and_stops_nothing_else(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = Recorder::answering(|delivery| {
        let bad = delivery.event().subject() == Some("bad") && delivery.attempt() == 1;
        if bad { Answer::Panic } else { Answer::Now(Outcome::ack()) }
    });
    let subscription =
        bus.subscribe(options("panics").concurrency(1), recorder.handler()).await.expect("subscribed");
    for subject in ["bad", "good", "better"] {
        bus.publish(event("order.placed", subject)).await.expect("published");
    }
    let seen = recorder.wait_for(4, patience).await;
    assert!(seen.iter().any(|seen| seen.event.subject() == Some("bad") && seen.attempt == 2));
    eventually(patience, "all is confirmed", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
}

/// A handler that takes too long is cancelled, and its event comes again.
pub async fn a_handler_that_exceeds_its_time_is_cancelled_and_retried(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = Recorder::answering(|delivery| match delivery.attempt() {
        1 => Answer::After(Duration::from_secs(600), Outcome::ack()),
        _ => Answer::Now(Outcome::ack()),
    });
    let impatient = options("slow").handler_timeout(Duration::from_millis(200));
    let subscription = bus.subscribe(impatient, recorder.handler()).await.expect("subscribed");
    bus.publish(event("order.placed", "1")).await.expect("published");
    let seen = recorder.wait_for(2, patience).await;
    assert_eq!(seen.iter().map(|seen| seen.attempt).collect::<Vec<_>>(), [1, 2]);
    eventually(patience, "it is confirmed", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
}

/// A handler that runs longer than `ack_wait`, but within its own limit, keeps its event to itself.
pub async fn a_long_handler_is_kept_alive(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = Recorder::answering(|_| Answer::After(Duration::from_millis(2500), Outcome::ack()));
    let patient = options("long").ack_wait(Duration::from_millis(600));
    let subscription = bus.subscribe(patient, recorder.handler()).await.expect("subscribed");
    bus.publish(event("order.placed", "1")).await.expect("published");
    recorder.wait_for(1, patience).await;
    eventually(patience, "it is confirmed", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    assert_eq!(recorder.seen().len(), 1, "it was delivered again while its handler ran");
}

/// Failing at once does not use up the attempts at once (the trap of a nak without a delay).
pub async fn retries_use_the_back_off_and_not_up_at_once(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let calls = std::sync::Arc::new(AtomicU32::new(0));
    let counted = std::sync::Arc::clone(&calls);
    let recorder = Recorder::answering(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Answer::Now(Outcome::retry("no"))
    });
    let backoff = Backoff::new(Duration::from_millis(400), Duration::from_secs(1));
    let _subscription = bus
        .subscribe(options("calm").max_attempts(3).backoff(backoff), recorder.handler())
        .await
        .expect("subscribed");
    let started = Instant::now();
    bus.publish(event("order.placed", "1")).await.expect("published");
    recorder.wait_for(3, patience).await;
    // Half of 400 ms, then half of 800 ms, is the least that the jitter leaves.
    assert!(started.elapsed() >= Duration::from_millis(550), "three attempts in {:?}", started.elapsed());
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}
