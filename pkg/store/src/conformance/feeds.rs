//! One suite for every feed of invalidations, whatever carries it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use crate::{Invalidation, InvalidationFeed, Invalidations};

/// How the suite gets at a feed.
#[async_trait]
pub trait InvalidationFeedHarness: Send + Sync + Sized {
    /// Starts whatever carries the feed, for one test.
    async fn start() -> Self;

    /// The feed of one instance of a service.
    async fn feed(&self) -> Arc<dyn InvalidationFeed>;

    /// Interrupts what carries the feeds, so that subscriptions may miss invalidations. Returns whether there is something to interrupt:
    /// not within a process.
    async fn interrupt(&self) -> bool;
}

/// Longer than any test: the machine may stall.
const PATIENCE: Duration = Duration::from_secs(60);

fn key(text: &str) -> Invalidation {
    Invalidation::Key { key: text.to_owned(), revision: None }
}

async fn subscribe(harness: &impl InvalidationFeedHarness) -> Box<dyn Invalidations> {
    harness.feed().await.subscribe().await.expect("subscribed")
}

async fn publish(feed: &Arc<dyn InvalidationFeed>, invalidation: &Invalidation) {
    feed.publish(invalidation).await.expect("published");
}

/// The next invalidation, without the revision of a key, which a feed may know.
async fn next(subscription: &mut Box<dyn Invalidations>) -> Invalidation {
    let next = timeout(PATIENCE, subscription.next()).await.expect("an invalidation in time");
    match next.expect("an invalidation") {
        Invalidation::Key { key: text, .. } => key(&text),
        other => other,
    }
}

/// What one instance announces reaches each of the others in its order, whatever the text of keys and tags. In place of one that it
/// cannot carry, a feed reports an interruption.
pub async fn an_invalidation_reaches_every_instance(harness: &impl InvalidationFeedHarness) {
    let feed = harness.feed().await;
    let mut others = [subscribe(harness).await, subscribe(harness).await];
    let long = key(&"x".repeat(5_000));
    let tag = |text: &str| Invalidation::Tag { tag: text.to_owned() };
    let announced =
        [key("a"), key("b {c}\r\n* \u{e9}"), tag("tenant 7"), tag("a"), long.clone(), key("last")];
    for invalidation in &announced {
        publish(&feed, invalidation).await;
    }
    for other in &mut others {
        for invalidation in &announced {
            let heard = next(other).await;
            let is_covered = *invalidation == long && heard == Invalidation::Interrupted;
            assert!(heard == *invalidation || is_covered, "{heard:?} instead of {invalidation:?}");
        }
    }
}

/// A subscription begins when it is made.
pub async fn a_subscription_hears_what_follows(harness: &impl InvalidationFeedHarness) {
    let feed = harness.feed().await;
    publish(&feed, &key("before")).await;
    let mut other = subscribe(harness).await;
    publish(&feed, &key("after")).await;
    assert_eq!(next(&mut other).await, key("after"));
}

/// An instance can tell the others to drop everything.
pub async fn everything_can_be_announced(harness: &impl InvalidationFeedHarness) {
    let feed = harness.feed().await;
    let mut other = subscribe(harness).await;
    publish(&feed, &Invalidation::Interrupted).await;
    assert_eq!(next(&mut other).await, Invalidation::Interrupted);
}

/// A call that is dropped loses no invalidation.
pub async fn a_dropped_call_loses_no_invalidation(harness: &impl InvalidationFeedHarness) {
    let feed = harness.feed().await;
    let mut other = subscribe(harness).await;
    for number in 0..50 {
        drop(timeout(Duration::from_micros(number * 40), other.next()).await.map(|heard| {
            panic!("nothing was announced yet: {heard:?}");
        }));
        let invalidation = key(&number.to_string());
        publish(&feed, &invalidation).await;
        assert_eq!(next(&mut other).await, invalidation);
    }
}

/// A subscription that may miss invalidations reports it, or ends.
pub async fn an_interruption_is_reported(harness: &impl InvalidationFeedHarness) {
    let mut other = subscribe(harness).await;
    if !harness.interrupt().await {
        return;
    }
    let heard = timeout(PATIENCE, other.next()).await.expect("a report in time");
    assert!(matches!(heard, Ok(Invalidation::Interrupted) | Err(_)), "{heard:?}");
}

/// Makes one test of every behaviour for an [`InvalidationFeedHarness`](crate::conformance::InvalidationFeedHarness).
#[macro_export]
macro_rules! invalidation_feed_tests {
    ($harness:ty) => {
        $crate::invalidation_feed_tests! { @each $harness;
            an_invalidation_reaches_every_instance,
            a_subscription_hears_what_follows,
            everything_can_be_announced,
            a_dropped_call_loses_no_invalidation,
            an_interruption_is_reported,
        }
    };
    (@each $harness:ty; $($behaviour:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $behaviour() {
            let harness = <$harness as $crate::conformance::InvalidationFeedHarness>::start().await;
            $crate::conformance::feeds::$behaviour(&harness).await;
        }
    )+};
}
