//! What reaches a handler.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::fixtures::{event, eventually, options};
use super::harness::Harness;
use super::recorder::Recorder;
use crate::{Event, StartPosition};

/// Attributes, extensions and data arrive as they were published.
pub async fn an_event_arrives_unchanged(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = Recorder::acking();
    let _subscription = bus.subscribe(options("copy"), recorder.handler()).await.expect("subscribed");
    let json = Event::builder("order.placed", "/orders")
        .subject("naïve ☂")
        .organization_id("acme")
        .trace_parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .extension("retries", 3)
        .extension("express", true)
        .data_schema("https://example.com/order.json")
        .json(&serde_json::json!({"total_cents": 700, "note": "a \"quoted\" line\n"}));
    let binary = Event::builder("order.scanned", "/orders").binary("image/png", vec![0, 159, 146, 150]);
    let text = Event::builder("order.noted", "/orders").text("text/plain", "plain");
    let sent: Vec<Event> =
        [json, binary, text].into_iter().map(|builder| builder.build().expect("a valid event")).collect();
    for event in &sent {
        bus.publish(event.clone()).await.expect("published");
    }
    let seen = recorder.wait_for(3, patience).await;
    for event in &sent {
        let arrived = seen.iter().find(|seen| seen.event.id() == event.id()).expect("it arrived");
        assert_eq!(&arrived.event, event);
        assert_eq!(arrived.attempt, 1);
    }
}

/// A subscription sees the types that its patterns select, and no others.
pub async fn only_the_wanted_types_arrive(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = Recorder::acking();
    let wanted = options("some").types(["order.*", "order.placed", "invoice.sent", "audit.>"]);
    let _subscription = bus.subscribe(wanted, recorder.handler()).await.expect("subscribed");
    for ty in [
        "order.placed",
        "order.item.added",
        "invoice.paid",
        "invoice.sent",
        "audit.a.b.c",
        "audit",
        "last.order",
    ] {
        bus.publish(event(ty, ty)).await.expect("published");
    }
    bus.publish(event("audit.end", "end")).await.expect("published");
    eventually(patience, "the end arrives", || async { recorder.subjects().contains(&"end".to_owned()) })
        .await;
    recorder.wait_for(4, patience).await;
    let seen: BTreeSet<String> = recorder.subjects().into_iter().collect();
    let expected = ["audit.a.b.c", "end", "invoice.sent", "order.placed"].map(str::to_owned);
    assert_eq!(seen, BTreeSet::from(expected));
}

/// Subscriptions of different names each see every event.
pub async fn every_name_gets_every_event(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let (left, right) = (Recorder::acking(), Recorder::acking());
    let _left = bus.subscribe(options("left"), left.handler()).await.expect("subscribed");
    let _right = bus.subscribe(options("right"), right.handler()).await.expect("subscribed");
    for n in 0..10 {
        bus.publish(event("order.placed", &n.to_string())).await.expect("published");
    }
    left.wait_for(10, patience).await;
    right.wait_for(10, patience).await;
}

/// Subscriptions of the same name share the events: each event goes to one of them.
pub async fn one_name_shares_the_events(harness: &impl Harness) {
    let patience = harness.capabilities().patience;
    let (one, other) = (harness.bus().await, harness.bus().await);
    let (a, b) = (Recorder::acking(), Recorder::acking());
    let _a = one.subscribe(options("shared"), a.handler()).await.expect("subscribed");
    let _b = other.subscribe(options("shared"), b.handler()).await.expect("subscribed");
    for n in 0..200 {
        one.publish(event("order.placed", &n.to_string())).await.expect("published");
    }
    eventually(patience, "all arrive", || async { a.seen().len() + b.seen().len() >= 200 }).await;
    let distinct: BTreeSet<String> = a.subjects().into_iter().chain(b.subjects()).collect();
    assert_eq!((distinct.len(), a.seen().len() + b.seen().len()), (200, 200), "an event went to both");
}

/// A new subscription begins at the position of its options.
pub async fn oldest_sees_history_and_next_does_not(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    bus.publish(event("order.placed", "before")).await.expect("published");
    let (all, new) = (Recorder::acking(), Recorder::acking());
    let _all =
        bus.subscribe(options("all").start(StartPosition::Oldest), all.handler()).await.expect("subscribed");
    let _new =
        bus.subscribe(options("new").start(StartPosition::Next), new.handler()).await.expect("subscribed");
    bus.publish(event("order.placed", "after")).await.expect("published");
    all.wait_for(2, patience).await;
    new.wait_for(1, patience).await;
    assert_eq!(new.subjects(), ["after"]);
}

/// A start sequence is the first event that a new subscription sees.
pub async fn a_start_sequence_is_where_it_begins(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let mut positions = Vec::new();
    for n in 0..5 {
        positions.push(bus.publish(event("order.placed", &n.to_string())).await.expect("published").sequence);
    }
    let recorder = Recorder::acking();
    let start = StartPosition::Sequence(*positions.get(3).expect("five positions"));
    let _subscription =
        bus.subscribe(options("late").start(start), recorder.handler()).await.expect("subscribed");
    recorder.wait_for(2, patience).await;
    let seen: BTreeSet<String> = recorder.subjects().into_iter().collect();
    assert_eq!(seen, BTreeSet::from(["3".to_owned(), "4".to_owned()]));
}

/// Under load with many handlers no event is lost and, without failures, none comes twice.
pub async fn many_events_are_each_handled_once(harness: &impl Harness) {
    const COUNT: usize = 2000;
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = Recorder::acking();
    let subscription =
        bus.subscribe(options("load").concurrency(64), recorder.handler()).await.expect("subscribed");
    let events = (0..COUNT).map(|n| event("order.placed", &n.to_string())).collect();
    assert!(bus.publish_batch(events).await.iter().all(Result::is_ok));
    recorder.wait_for(COUNT, patience).await;
    eventually(patience, "everything is confirmed", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    let mut counts: HashMap<String, usize> = HashMap::new();
    for subject in recorder.subjects() {
        *counts.entry(subject).or_default() += 1;
    }
    assert_eq!(counts.len(), COUNT);
    assert!(counts.values().all(|count| *count == 1), "an event came twice");
}

/// Lag counts what waits, what is out, and falls to zero.
pub async fn lag_tells_what_waits(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let waiting = std::sync::Arc::clone(&gate);
    let handler = crate::handler_fn(move |_| {
        let gate = std::sync::Arc::clone(&waiting);
        async move {
            match gate.acquire().await {
                Ok(permit) => permit.forget(),
                Err(_) => return crate::Outcome::retry("closed"),
            }
            crate::Outcome::ack()
        }
    });
    let subscription = bus.subscribe(options("slow").concurrency(1), handler).await.expect("subscribed");
    for n in 0..30 {
        bus.publish(event("order.placed", &n.to_string())).await.expect("published");
    }
    eventually(patience, "the lag is 30", || async {
        subscription.lag().await.is_ok_and(|lag| lag.waiting + lag.in_flight == 30 && lag.in_flight > 0)
    })
    .await;
    gate.add_permits(30);
    eventually(patience, "the lag is zero", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    bus.flush(Duration::from_secs(5)).await.expect("flushed");
}
