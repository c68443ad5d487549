//! What a publisher promises.

use super::fixtures::{event, options};
use super::harness::Harness;
use super::recorder::Recorder;
use crate::{Event, EventsError};

/// Each stored event has a later position than the one before.
pub async fn sequences_grow(harness: &impl Harness) {
    let bus = harness.bus().await;
    let mut last = 0;
    for n in 0..5 {
        let receipt = bus.publish(event("order.placed", &n.to_string())).await.expect("published");
        assert!(receipt.sequence > last && !receipt.duplicate, "{receipt:?} after {last}");
        last = receipt.sequence;
    }
    bus.flush(harness.capabilities().patience).await.expect("flushed");
}

/// Source and id are the message id: a repeat is stored once and says so.
pub async fn a_repeated_id_is_a_duplicate_and_delivered_once(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = Recorder::acking();
    let subscription = bus.subscribe(options("once"), recorder.handler()).await.expect("subscribed");
    let first = event("order.placed", "1");
    let stored = bus.publish(first.clone()).await.expect("published");
    let again = bus.publish(first).await.expect("published again");
    assert_eq!((again.sequence, again.duplicate), (stored.sequence, true));
    // A different event behind it: once it arrives, a second delivery of the first would have arrived, too.
    bus.publish(event("order.placed", "2")).await.expect("published");
    recorder.wait_for(2, patience).await;
    assert_eq!(recorder.subjects().iter().filter(|subject| *subject == "1").count(), 1);
    assert!(matches!(subscription.drain(patience).await, crate::DrainOutcome::Drained));
}

/// Two sources may give the same id to different events: both are stored and delivered.
pub async fn the_same_id_of_another_source_is_another_event(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = Recorder::acking();
    let _subscription = bus.subscribe(options("both"), recorder.handler()).await.expect("subscribed");
    // Written one behind the other, source and id of all these read alike.
    let alike = [("/orders", "42"), ("/billing", "42"), ("/orders/4", "2"), ("/order", "s42")];
    // Encoded for a header, or trimmed like one, these would be the same.
    let encoded =
        [("/orders", "\u{e9}"), ("/orders", "%C3%A9"), ("/orders", "%25C3%25A9"), ("/orders", "42 ")];
    let identities = [alike, encoded].concat();
    for (source, id) in identities.iter().copied() {
        let event = Event::builder("order.placed", source).id(id).build().expect("a valid event");
        let receipt = bus.publish(event).await.expect("published");
        assert!(!receipt.duplicate, "{id} of {source} was taken for a repeat");
    }
    let seen = recorder.wait_for(identities.len(), patience).await;
    for (source, id) in identities {
        assert!(
            seen.iter().any(|seen| (seen.event.source(), seen.event.id()) == (source, id)),
            "{id} of {source}"
        );
    }
}

/// A batch answers for each event in the order given, and one bad event spoils no other.
pub async fn a_batch_reports_on_each_event_in_order(harness: &impl Harness) {
    // More than the window of a publisher.
    const BATCH: usize = 3000;
    let bus = harness.bus().await;
    let bad = Event::builder("not a type", "/conformance").build().expect("a valid CloudEvent all the same");
    let mut events: Vec<Event> = (0..BATCH).map(|n| event("order.placed", &n.to_string())).collect();
    events.insert(25, bad);
    let results = bus.publish_batch(events).await;
    assert_eq!(results.len(), BATCH + 1);
    let mut last = 0;
    for (index, result) in results.into_iter().enumerate() {
        match (index, result) {
            (25, Err(EventsError::InvalidPattern)) => {}
            (25, other) => panic!("a type with a space was not refused: {other:?}"),
            (_, Ok(receipt)) => {
                assert!(receipt.sequence > last, "{} is not after {last}", receipt.sequence);
                last = receipt.sequence;
            }
            (_, Err(error)) => panic!("event {index}: {error}"),
        }
    }
    assert!(bus.publish_batch(Vec::new()).await.is_empty());
}

/// An event over the limit is rejected as too large.
pub async fn an_event_that_is_too_large_is_refused(harness: &impl Harness) {
    let bus = harness.bus().await;
    let data = vec![b'x'; harness.capabilities().max_event_size + 1];
    let large =
        Event::builder("order.placed", "/conformance").text("text/plain", String::from_utf8_lossy(&data));
    let error = bus.publish(large.build().expect("a valid event")).await.expect_err("too large");
    assert!(matches!(error, EventsError::TooLarge { .. }), "{error:?}");
    assert!(!error.is_retryable() && !error.is_ambiguous());
    bus.publish(event("order.placed", "small")).await.expect("the bus goes on");
}

/// What counts is the encoded event: attributes and escapes included.
pub async fn the_size_of_an_event_includes_its_envelope(harness: &impl Harness) {
    let (bus, limit) = (harness.bus().await, harness.capabilities().max_event_size);
    for data in ["x".repeat(limit - 100), "\"".repeat(limit / 2 + 100)] {
        let event = Event::builder("order.placed", "/conformance").text("text/plain", data);
        let error = bus.publish(event.build().expect("a valid event")).await.expect_err("too large");
        assert!(matches!(error, EventsError::TooLarge { .. }), "{error:?}");
    }
    let id = "i".repeat(limit);
    let event = Event::builder("order.placed", "/conformance").id(id).build().expect("a valid event");
    let error = bus.publish(event).await.expect_err("too large");
    assert!(matches!(error, EventsError::TooLarge { .. }), "{error:?}");
    let fits = Event::builder("order.placed", "/conformance").text("text/plain", "x".repeat(limit - 1000));
    bus.publish(fits.build().expect("a valid event")).await.expect("it fits");
}

/// Types that could be taken for a wildcard or an empty token are refused before anything is sent.
pub async fn a_type_that_cannot_be_a_subject_is_refused(harness: &impl Harness) {
    let bus = harness.bus().await;
    let long = "a".repeat(5000);
    for ty in ["order.*", ">", "a..b", "a b", ".a", &long] {
        let event = Event::builder(ty, "/conformance").build().expect("a valid CloudEvent all the same");
        let error = bus.publish(event).await.expect_err(ty);
        assert!(matches!(error, EventsError::InvalidPattern), "{ty}: {error:?}");
    }
    bus.publish(event("order.placed", "fine")).await.expect("the bus goes on");
}
