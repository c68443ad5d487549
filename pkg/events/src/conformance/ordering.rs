//! What order a subscription keeps.

use std::collections::HashMap;
use std::time::Duration;

use super::fixtures::{event, options};
use super::harness::Harness;
use super::recorder::{Answer, Recorder, Seen};
use crate::{Order, Outcome};

/// Events of one key are handled one after the other in their order, although some of them fail at first.
pub async fn order_per_key_holds_through_retries(harness: &impl Harness) {
    const KEYS: usize = 8;
    const EACH: usize = 20;
    /// Of 20 events of a key, 0, 7 and 14 fail once.
    const RETRIED: usize = 3;
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = failing_at_first(7);
    let ordered = options("keys").order(Order::PerKey).concurrency(4);
    let _subscription = bus.subscribe(ordered, recorder.handler()).await.expect("subscribed");
    let events = (0..KEYS * EACH).map(|n| {
        let builder = event("order.placed", &(n / KEYS).to_string()).into_builder();
        builder.partition_key(format!("key-{}", n % KEYS)).build().expect("a valid event")
    });
    for event in events {
        bus.publish(event).await.expect("published");
    }
    let seen = recorder.wait_for(KEYS * (EACH + RETRIED), patience).await;
    let mut handled: HashMap<String, Vec<usize>> = HashMap::new();
    for seen in done(&seen, 7) {
        let key = seen.event.ordering_key().to_owned();
        handled.entry(key).or_default().push(number(seen));
    }
    assert_eq!(handled.len(), KEYS);
    for (key, numbers) in handled {
        assert_eq!(numbers, (0..EACH).collect::<Vec<_>>(), "{key}");
    }
}

/// All events are handled one after the other in their order, although some of them fail at first.
pub async fn strict_order_holds_through_retries(harness: &impl Harness) {
    const COUNT: usize = 30;
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = failing_at_first(5);
    let _subscription =
        bus.subscribe(options("strict").order(Order::Strict), recorder.handler()).await.expect("subscribed");
    for n in 0..COUNT {
        bus.publish(event("order.placed", &n.to_string())).await.expect("published");
    }
    let seen = recorder.wait_for(COUNT + COUNT / 5, patience).await;
    let numbers: Vec<usize> = done(&seen, 5).map(number).collect();
    assert_eq!(numbers, (0..COUNT).collect::<Vec<_>>());
}

/// Without order, an event that waits for its next attempt delays no other.
pub async fn a_failing_event_holds_up_no_other_without_order(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = Recorder::answering(|delivery| {
        let bad = delivery.event().subject() == Some("bad");
        let later = Outcome::retry_after(Duration::from_secs(60), "not now");
        Answer::Now(if bad { later } else { Outcome::ack() })
    });
    let _subscription =
        bus.subscribe(options("free").concurrency(1), recorder.handler()).await.expect("subscribed");
    bus.publish(event("order.placed", "bad")).await.expect("published");
    for n in 0..20 {
        bus.publish(event("order.placed", &n.to_string())).await.expect("published");
    }
    recorder.wait_for(21, patience).await;
}

/// A handler that refuses every event whose number is divisible at its first attempt.
fn failing_at_first(divisor: usize) -> std::sync::Arc<Recorder> {
    Recorder::answering(move |delivery| {
        let number: usize = delivery.event().subject().and_then(|text| text.parse().ok()).unwrap_or_default();
        let fails = number.is_multiple_of(divisor) && delivery.attempt() == 1;
        Answer::Now(if fails { Outcome::retry("at first") } else { Outcome::ack() })
    })
}

fn done(seen: &[Seen], divisor: usize) -> impl Iterator<Item = &Seen> {
    seen.iter().filter(move |seen| !number(seen).is_multiple_of(divisor) || seen.attempt > 1)
}

fn number(seen: &Seen) -> usize {
    seen.event.subject().and_then(|text| text.parse().ok()).expect("a number")
}
