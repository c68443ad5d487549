//! What can be done with the events that were given up.

use super::fixtures::{event, eventually, options};
use super::harness::{Bus, Harness};
use super::recorder::{Answer, Recorder};
use crate::{DeadLetter, EventsError, Outcome};

/// A dead letter names its subscription, reason, attempts and type, and still is the event.
pub async fn a_dead_letter_tells_what_and_why(harness: &impl Harness) {
    let bus = harness.bus().await;
    let recorder = Recorder::answering(|_| Answer::Now(Outcome::dead_letter("no such\r\ncustomer")));
    let _subscription = bus.subscribe(options("strictly"), recorder.handler()).await.expect("subscribed");
    let sent = event("order.placed", "42");
    let receipt = bus.publish(sent.clone()).await.expect("published");
    let dead_letter = first_dead_letter(harness, &*bus).await;
    assert_eq!((dead_letter.subscription.as_str(), dead_letter.ty.as_str()), ("strictly", "order.placed"));
    assert_eq!((dead_letter.attempts, dead_letter.sequence), (1, receipt.sequence));
    assert!(
        dead_letter.reason.contains("no such") && dead_letter.reason.contains("customer"),
        "{}",
        dead_letter.reason
    );
    assert_eq!(dead_letter.event().expect("an event"), sent);
    assert_eq!(bus.inspect(dead_letter.id).await.expect("inspected").reason, dead_letter.reason);
    assert_eq!(recorder.seen().len(), 1, "a dead letter was delivered again");
}

/// A reason may hold anything and be as long as it likes: its beginning is kept, and the event with it.
pub async fn a_long_reason_is_cut(harness: &impl Harness) {
    const BEGINNING: &str = "kein Kunde \u{201e}Müller\u{201c} 50%";
    let bus = harness.bus().await;
    let recorder = Recorder::answering(|_| {
        let reason = format!("{BEGINNING}\0\r\n{}", "x".repeat(2_000_000));
        Answer::Now(Outcome::dead_letter(reason))
    });
    let _subscription = bus.subscribe(options("verbose"), recorder.handler()).await.expect("subscribed");
    let sent = event("order.placed", "42");
    bus.publish(sent.clone()).await.expect("published");
    let dead_letter = first_dead_letter(harness, &*bus).await;
    assert!(
        dead_letter.reason.starts_with(BEGINNING) && dead_letter.reason.len() < 4096,
        "{}",
        dead_letter.reason.len()
    );
    assert_eq!(dead_letter.event().expect("an event"), sent);
}

/// A replay is seen by the subscription that gave the event up, as a first attempt, and by no other.
pub async fn a_replay_reaches_its_subscription_only(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let repaired = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let ready = std::sync::Arc::clone(&repaired);
    let failing = Recorder::answering(move |_| {
        let ready = ready.load(std::sync::atomic::Ordering::SeqCst);
        Answer::Now(if ready { Outcome::ack() } else { Outcome::dead_letter("broken") })
    });
    let other = Recorder::acking();
    let subscription = bus.subscribe(options("failing"), failing.handler()).await.expect("subscribed");
    let _other = bus.subscribe(options("other"), other.handler()).await.expect("subscribed");
    let sent = event("order.placed", "1");
    bus.publish(sent.clone()).await.expect("published");
    let dead_letter = first_dead_letter(harness, &*bus).await;
    other.wait_for(1, patience).await;

    repaired.store(true, std::sync::atomic::Ordering::SeqCst);
    let receipt = bus.replay(dead_letter.id).await.expect("replayed");
    assert!(!receipt.duplicate && receipt.sequence > dead_letter.sequence);
    let seen = failing.wait_for(2, patience).await;
    let again = seen.last().expect("two deliveries");
    assert_eq!((&again.event, again.attempt), (&sent, 1));
    eventually(patience, "it is confirmed", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    // Something behind the replay: once it arrives, the replay would have arrived, too.
    bus.publish(event("order.placed", "2")).await.expect("published");
    other.wait_for(2, patience).await;
    assert_eq!(other.subjects(), ["1", "2"]);
    assert!(
        matches!(bus.inspect(dead_letter.id).await, Err(EventsError::NotFound { .. })),
        "the dead letter is still there"
    );
}

/// A discarded dead letter is gone; a second discard fails with `NotFound`.
pub async fn a_discarded_dead_letter_is_gone(harness: &impl Harness) {
    let bus = harness.bus().await;
    let recorder = Recorder::answering(|_| Answer::Now(Outcome::dead_letter("no")));
    let _subscription = bus.subscribe(options("discard"), recorder).await.expect("subscribed");
    bus.publish(event("order.placed", "1")).await.expect("published");
    let dead_letter = first_dead_letter(harness, &*bus).await;
    bus.discard(dead_letter.id).await.expect("discarded");
    assert!(bus.list(0, 10).await.expect("listed").is_empty());
    for result in [bus.discard(dead_letter.id).await, bus.replay(dead_letter.id).await.map(drop)] {
        assert!(matches!(result, Err(EventsError::NotFound { .. })), "{result:?}");
    }
}

/// Dead letters are listed oldest first, in pages.
pub async fn dead_letters_are_listed_in_pages(harness: &impl Harness) {
    let (bus, patience) = (harness.bus().await, harness.capabilities().patience);
    let recorder = Recorder::answering(|_| Answer::Now(Outcome::dead_letter("no")));
    let _subscription = bus.subscribe(options("pages").concurrency(1), recorder).await.expect("subscribed");
    for n in 0..5 {
        bus.publish(event("order.placed", &n.to_string())).await.expect("published");
    }
    eventually(patience, "five dead letters", || async {
        bus.list(0, 10).await.is_ok_and(|dead_letters| dead_letters.len() == 5)
    })
    .await;
    let mut ids = Vec::new();
    let mut after = 0;
    loop {
        let page = bus.list(after, 2).await.expect("listed");
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = last.id;
        ids.extend(page.iter().map(|dead_letter| dead_letter.id));
    }
    assert_eq!(ids.len(), 5);
    assert!(ids.is_sorted());
}

async fn first_dead_letter(harness: &impl Harness, bus: &dyn Bus) -> DeadLetter {
    let patience = harness.capabilities().patience;
    eventually(patience, "a dead letter", || async {
        bus.list(0, 1).await.is_ok_and(|dead_letters| dead_letters.len() == 1)
    })
    .await;
    let mut dead_letters = bus.list(0, 1).await.expect("listed");
    dead_letters.pop().expect("one dead letter")
}
