//! One event without an answer, among others that are well.

use underpin_errors::{HealthCheck, HealthStatus};
use underpin_events::Event;
use underpin_outbox::{OutboxSettings, RelayDrain};

use crate::support::{
    Fault, LIMIT, Recorder, TestDatabase, count, drained, enqueue, event, outbox, quick, relay, until,
};

/// A relay of one worker, whose publisher does this to the events of one key; what is published together with them, and
/// what comes later, must not suffer for it.
async fn one_of_many(database: TestDatabase, fault: Fault, reason: &str) {
    let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
    publisher.fault("bad", Some(fault));
    let mut settings = quick();
    settings.workers = 1;
    settings.max_attempts = 3;
    settings.publish_timeout = std::time::Duration::from_millis(200);
    let bad = event("bad", 1);
    let good: Vec<Event> = (0..40).map(|key| event(&format!("good-{key}"), 0)).collect();
    enqueue(&outbox, &database.pool, std::slice::from_ref(&bad)).await;
    enqueue(&outbox, &database.pool, &good).await;
    let relay = relay(&outbox, &database, &publisher, settings);
    until("the others are through and forgotten", || async {
        count(&database.pool, "SELECT count(*) FROM underpin_outbox").await == 0
    })
    .await;
    for key in 0..40 {
        assert_eq!(publisher.numbers(&format!("good-{key}")), [0]);
    }
    let is_quarantined = || async { outbox.quarantined(&database.pool, None, 10).await.unwrap().len() == 1 };
    for number in 1.. {
        enqueue(&outbox, &database.pool, &[event("witness", number)]).await;
        until("a later one is through", || async { publisher.numbers("witness").contains(&number) }).await;
        let tried = publisher.calls(bad.id());
        until("the bad one was tried", || async {
            publisher.calls(bad.id()) > tried || is_quarantined().await
        })
        .await;
        if is_quarantined().await {
            break;
        }
        assert!(number < 50, "it is tried for ever");
    }
    let list = outbox.quarantined(&database.pool, None, 10).await.unwrap();
    assert_eq!((list[0].event().unwrap(), list[0].attempts, list[0].reason.as_str()), (bad, 3, reason));
    publisher.fault("bad", None);
    enqueue(&outbox, &database.pool, &[event("bad", 2)]).await;
    drained(&outbox, &database.pool).await;
    assert_eq!(publisher.numbers("bad").last(), Some(&2), "its key goes on");
    assert_ne!(relay.check().await.status, HealthStatus::Down);
    assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
}

on_both! {
    async fn an_event_that_is_never_answered_is_the_only_one_to_suffer(database) {
        one_of_many(database, Fault::Silent, "not confirmed within 200 ms").await;
    }

    async fn an_event_at_which_the_publisher_panics_is_the_only_one_to_suffer(database) {
        one_of_many(database, Fault::Panics, "the publisher panicked").await;
    }
}
