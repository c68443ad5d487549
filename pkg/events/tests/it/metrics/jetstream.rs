use std::sync::Arc;

use tokio::sync::Semaphore;
use underpin_events::{EventPublisher, EventSubscriber, Outcome, handler_fn};
use underpin_testkit::NatsServer;

use super::recorder::Metrics;
use crate::support::{LIMIT, connect, event, eventually, options, settings};

#[test]
fn lag_and_redeliveries_of_a_consumer_are_reported() {
    let metrics = Metrics::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&metrics, || runtime.block_on(run(&metrics)));
}

async fn run(metrics: &Metrics) {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let gate = Arc::new(Semaphore::new(0));
    let waiting = Arc::clone(&gate);
    let handler = handler_fn(move |delivery| {
        let gate = Arc::clone(&waiting);
        async move {
            gate.acquire().await.unwrap().forget();
            if delivery.attempt() == 1 && delivery.event().id() == "e-0" {
                return Outcome::retry("once more");
            }
            Outcome::ack()
        }
    });
    let subscription = bus.subscribe(options("m").concurrency(1), handler).await.unwrap();
    for result in bus.publish_batch((0..40).map(event).collect()).await {
        result.unwrap();
    }
    let lag = || {
        let gauge = |name: &str| metrics.gauge(&format!("underpin_events_{name}{{subscription=m}}"));
        (gauge("waiting"), gauge("in_flight"))
    };
    // There are 16 slots for one handler, which has not let anything pass yet.
    eventually(LIMIT, "the gauges tell of all", || async { lag() == (Some(24.0), Some(16.0)) }).await;
    gate.add_permits(41);
    eventually(LIMIT, "the gauges tell of the end", || async { lag() == (Some(0.0), Some(0.0)) }).await;
    assert_eq!(metrics.counter("underpin_events_redelivered_total{subscription=m}"), 1);
    let handled = |outcome: &str| {
        metrics.counter(&format!("underpin_events_handled_total{{subscription=m,outcome={outcome}}}"))
    };
    assert_eq!((handled("ack"), handled("retry"), handled("dead_letter")), (40, 1, 0));
    assert_eq!(metrics.recorded("underpin_events_handler_seconds{subscription=m}"), 41);
    assert_eq!(metrics.counter("underpin_events_unconfirmed_total{}"), 0);
    let _ = subscription.drain(LIMIT).await;
}
