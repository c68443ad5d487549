//! What subscriptions report through the `metrics` facade.

mod jetstream;
mod recorder;

use std::time::Duration;

use self::recorder::Metrics;
use underpin_events::memory::MemoryBus;
use underpin_events::{
    Backoff, DeadLetterQueue, DrainOutcome, Event, EventPublisher, EventSubscriber, Outcome,
    SubscribeOptions, handler_fn,
};

/// A service may subscribe before it has installed its exporter.
#[test]
fn a_recorder_that_is_installed_later_counts_from_then_on_and_knows_what_the_metrics_mean() {
    let metrics = Metrics::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (seen, mut handled) = tokio::sync::mpsc::unbounded_channel();
    let handler = handler_fn(move |_| {
        seen.send(()).unwrap();
        async { Outcome::ack() }
    });
    let bus = MemoryBus::new();
    let event = || Event::builder("t", "/s").build().unwrap();
    let subscription = runtime.block_on(async {
        let subscription = bus.subscribe(SubscribeOptions::new("early"), handler).await.unwrap();
        bus.publish(event()).await.unwrap();
        handled.recv().await.unwrap();
        subscription
    });
    metrics::with_local_recorder(&metrics, || {
        runtime.block_on(async {
            bus.publish(event()).await.unwrap();
            handled.recv().await.unwrap();
            assert_eq!(subscription.drain(Duration::from_secs(5)).await, DrainOutcome::Drained);
        });
    });
    assert_eq!(metrics.counter("underpin_events_handled_total{subscription=early,outcome=ack}"), 1);
    assert_eq!(metrics.recorded("underpin_events_handler_seconds{subscription=early}"), 1);
    let described = metrics.described();
    for name in
        ["handled_total", "handler_seconds", "redelivered_total", "waiting", "in_flight", "unconfirmed_total"]
    {
        assert!(described.contains(&format!("underpin_events_{name}")), "{name} is not described");
    }
}

#[test]
fn outcomes_and_redeliveries_are_counted() {
    let metrics = Metrics::default();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&metrics, || {
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
        metrics.counter(&format!("underpin_events_handled_total{{subscription=s,outcome={outcome}}}"))
    };
    assert_eq!((handled("ack"), handled("retry"), handled("dead_letter")), (3, 3, 2));
    assert_eq!((handled("panic"), handled("timeout")), (1, 1));
    assert_eq!(metrics.counter("underpin_events_redelivered_total{subscription=s}"), 3);
}
