//! What a subscription counts through the `metrics` facade.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use underpin_events::memory::MemoryBus;
use underpin_events::{
    Backoff, DeadLetterQueue, Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions, handler_fn,
};

/// Keeps every counter by its name and labels.
#[derive(Default)]
struct Counters(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counters {
    fn get(&self, name: &str) -> u64 {
        self.0.lock().unwrap().get(name).map_or(0, |counter| counter.load(Ordering::SeqCst))
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<String> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(name).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn outcomes_and_redeliveries_are_counted() {
    let counters = Counters::default();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&counters, || {
        runtime.block_on(async {
            let bus = MemoryBus::new();
            let handler = handler_fn(|delivery| async move {
                match (delivery.event().ty(), delivery.attempt()) {
                    ("panics", 1) => panic!("as told"),
                    ("hangs", 1) => std::future::pending().await,
                    ("fails", _) => Outcome::retry("no"),
                    ("refused", _) => Outcome::dead_letter("never"),
                    _ => Outcome::ack(),
                }
            });
            let options = SubscribeOptions::new("s").max_attempts(2).handler_timeout(Duration::from_secs(1));
            let options = options.backoff(Backoff::new(Duration::from_millis(10), Duration::from_millis(10)));
            let subscription = bus.subscribe(options, handler).await.unwrap();
            for ty in ["fine", "panics", "hangs", "fails", "refused"] {
                bus.publish(Event::builder(ty, "/s").build().unwrap()).await.unwrap();
            }
            while !subscription.lag().await.unwrap().is_zero() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(bus.list(0, 10).await.unwrap().len(), 2);
        });
    });
    let handled = |outcome: &str| {
        counters.get(&format!("underpin_events_handled_total{{subscription=s,outcome={outcome}}}"))
    };
    assert_eq!((handled("ack"), handled("retry"), handled("dead_letter")), (3, 3, 2));
    assert_eq!((handled("panic"), handled("timeout")), (1, 1));
    assert_eq!(counters.get("underpin_events_redelivered_total{subscription=s}"), 3);
}
