use std::sync::atomic::Ordering;

use underpin_outbox::{OutboxSettings, RelayDrain};

use crate::recorder::Metrics;
use crate::support::{
    Fault, LIMIT, Recorder, TestDatabase, drained, enqueue, event, outbox, quick, relay, until,
};

#[test]
fn what_a_relay_does_is_reported() {
    let metrics = Metrics::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&metrics, || runtime.block_on(run(&metrics)));
}

async fn run(metrics: &Metrics) {
    let database = TestDatabase::sqlite().await;
    let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
    publisher.fault("bad", Some(Fault::TooLarge));
    let relay = relay(&outbox, &database, &publisher, quick());
    let counter = |name: &str| metrics.counter(&format!("underpin_outbox_{name}_total{{}}"));
    let gauge = |name: &str| metrics.gauge(&format!("underpin_outbox_{name}{{}}"));

    enqueue(&outbox, &database.pool, &[event("good", 1), event("good", 2), event("bad", 1)]).await;
    until("the events are counted", || async { counter("published") == 2 && counter("quarantines") == 1 })
        .await;
    assert_eq!((counter("failures"), counter("duplicates"), counter("outages")), (1, 0, 0));
    until("the quarantine shows", || async {
        gauge("quarantined") == Some(1.0) && gauge("waiting") == Some(0.0)
    })
    .await;
    assert_eq!(gauge("blocked_keys"), Some(0.0));
    assert!(gauge("lanes") > Some(0.0));

    let repeated = event("repeated", 1);
    publisher.fault("repeated", Some(Fault::StoredUnconfirmed));
    enqueue(&outbox, &database.pool, std::slice::from_ref(&repeated)).await;
    until("it is stored without a word", || async { publisher.calls(repeated.id()) > 0 }).await;
    publisher.fault("repeated", None);
    until("the repeat is counted", || async { counter("published") == 3 }).await;
    assert_eq!(counter("duplicates"), 1);

    let before = counter("outages");
    publisher.down.store(true, Ordering::SeqCst);
    enqueue(&outbox, &database.pool, &[event("good", 3)]).await;
    until("the outage is counted", || async { counter("outages") > before }).await;
    until("what waits shows", || async {
        gauge("waiting") == Some(1.0) && gauge("oldest_seconds") > Some(0.0)
    })
    .await;
    publisher.down.store(false, Ordering::SeqCst);
    until("it is over", || async { counter("published") == 4 && gauge("waiting") == Some(0.0) }).await;
    assert_eq!(metrics.recorded("underpin_outbox_wait_seconds{}"), 4);

    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    assert_eq!(gauge("lanes"), Some(0.0));
}

#[test]
fn a_recorder_that_is_installed_late_gets_what_happens_from_then_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (database, outbox, publisher, relay) = runtime.block_on(async {
        let database = TestDatabase::sqlite().await;
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let relay = relay(&outbox, &database, &publisher, quick());
        enqueue(&outbox, &database.pool, &[event("early", 1)]).await;
        until("it is published", || async { publisher.len() == 1 }).await;
        drained(&outbox, &database.pool).await;
        (database, outbox, publisher, relay)
    });
    let metrics = Metrics::default();
    metrics::with_local_recorder(&metrics, || {
        runtime.block_on(async {
            enqueue(&outbox, &database.pool, &[event("late", 1)]).await;
            until("it is counted", || async { metrics.counter("underpin_outbox_published_total{}") == 1 })
                .await;
            until("the lag is reported", || async {
                metrics.gauge("underpin_outbox_waiting{}") == Some(0.0)
            })
            .await;
            assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
        });
    });
    assert_eq!(publisher.len(), 2);
}

#[test]
fn every_metric_has_a_help_text() {
    let metrics = Metrics::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&metrics, || {
        underpin_outbox::describe_metrics();
        runtime.block_on(run(&metrics));
    });
    assert_eq!(metrics.without_help(), Vec::<String>::new());
}
