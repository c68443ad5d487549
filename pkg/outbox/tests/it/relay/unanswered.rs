//! Events without an answer, among others that are well.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use underpin_database::{Executor, sql};
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
    settings.publish_timeout = Duration::from_millis(200);
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

/// Publishes events of other keys for longer than a publish may take, while those of every third round have this fault;
/// none of the others may wait for that.
async fn delays_no_other(database: TestDatabase, fault: Fault) {
    let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
    let mut settings = quick();
    settings.workers = 1;
    settings.lease = Duration::from_secs(12);
    settings.publish_timeout = Duration::from_secs(6);
    let publish_timeout = settings.publish_timeout;
    let relay = relay(&outbox, &database, &publisher, settings);
    enqueue(&outbox, &database.pool, &[event("first", 0)]).await;
    until("the relay works", || async { publisher.numbers("first") == [0] }).await;
    let (began, mut slowest, mut round) = (Instant::now(), Duration::ZERO, 0);
    while began.elapsed() < publish_timeout + Duration::from_secs(2) {
        let (good, bad) = (format!("good-{}", round % 7), format!("bad-{round}"));
        publisher.fault(&bad, Some(fault));
        let mut events = vec![event(&good, round)];
        if round % 3 == 0 {
            events.push(event(&bad, 0));
        }
        let started = Instant::now();
        enqueue(&outbox, &database.pool, &events).await;
        until("the good one is through", || async { publisher.numbers(&good).last() == Some(&round) }).await;
        slowest = slowest.max(started.elapsed());
        round += 1;
    }
    assert!(slowest < publish_timeout / 2, "an event waited for {slowest:?}");
    assert!(publisher.calls(event_id(&outbox, &database).await.as_str()) > 0, "the bad ones were tried");
    drop(relay);
}

/// The id of an event that waits.
async fn event_id(outbox: &underpin_outbox::Outbox, database: &TestDatabase) -> String {
    assert!(outbox.lag(&database.pool).await.unwrap().waiting > 0);
    let text = "SELECT envelope FROM underpin_outbox UNION ALL SELECT envelope FROM underpin_outbox_held";
    let row = database.pool.query_one(sql(text, [])).await.unwrap().unwrap();
    let envelope: String = row.try_get_by_index(0).unwrap();
    Event::from_json(envelope.as_bytes()).unwrap().id().to_owned()
}

on_both! {
    async fn events_without_an_answer_delay_no_other(database) {
        delays_no_other(database, Fault::Silent).await;
    }

    async fn events_that_are_denied_delay_no_other(database) {
        delays_no_other(database, Fault::Denied).await;
    }

    async fn an_outage_without_an_answer_stays_in_health_until_it_is_over(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        publisher.hangs.store(true, Ordering::SeqCst);
        let mut settings = quick();
        settings.workers = 1;
        settings.publish_timeout = Duration::from_millis(300);
        let relay = relay(&outbox, &database, &publisher, settings);
        let status = || async { relay.check().await.status };
        enqueue(&outbox, &database.pool, &[event("a", 1)]).await;
        until("health shows it", || async { status().await == HealthStatus::Degraded }).await;
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) {
            assert_eq!(status().await, HealthStatus::Degraded, "after {:?}", began.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        publisher.hangs.store(false, Ordering::SeqCst);
        drained(&outbox, &database.pool).await;
        until("health is up again", || async { status().await == HealthStatus::Up }).await;
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
    }

    /// A second relay asks for its share while events of every partition are in flight.
    async fn a_partition_moves_only_after_what_is_in_flight_there(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let mut settings = quick();
        settings.workers = 1;
        settings.lease = Duration::from_secs(4);
        settings.publish_timeout = Duration::from_secs(2);
        let first = relay(&outbox, &database, &publisher, settings.clone());
        let bad: Vec<Event> = (0..64).map(|key| event(&format!("bad-{key}"), 1)).collect();
        for event in &bad {
            publisher.fault(event.subject().unwrap(), Some(Fault::Silent));
        }
        enqueue(&outbox, &database.pool, &bad).await;
        until("they are in flight", || async { publisher.calls(bad[63].id()) >= 2 }).await;
        let second = relay(&outbox, &database, &publisher, settings);
        until("each has its share", || async {
            first.check().await.details["lanes"] == 16 && second.check().await.details["lanes"] == 16
        }).await;
        for event in &bad {
            publisher.fault(event.subject().unwrap(), None);
        }
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.key_overlaps.load(Ordering::SeqCst), 0, "two relays had an event of a key in flight");
        assert_eq!(publisher.len(), 64);
        for relay in [first, second] {
            assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
        }
    }

    /// What is in flight is waited for, so that its partition is released only afterwards.
    async fn a_drain_waits_for_what_is_in_flight(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        publisher.fault("bad", Some(Fault::Silent));
        let mut settings = quick();
        settings.workers = 1;
        let publish_timeout = settings.publish_timeout;
        let relay = relay(&outbox, &database, &publisher, settings);
        let bad = event("bad", 1);
        enqueue(&outbox, &database.pool, std::slice::from_ref(&bad)).await;
        until("it is in flight", || async { publisher.calls(bad.id()) >= 2 }).await;
        let started = Instant::now();
        assert_eq!(relay.drain(LIMIT).await, RelayDrain::Drained);
        assert!(started.elapsed() < publish_timeout + LIMIT / 2, "{:?}", started.elapsed());
        assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_outbox").await, 1, "it is not lost");
        assert_eq!(publisher.key_overlaps.load(Ordering::SeqCst), 0);
    }

    async fn an_event_that_is_never_answered_is_the_only_one_to_suffer(database) {
        one_of_many(database, Fault::Silent, "not confirmed within 200 ms").await;
    }

    async fn an_event_at_which_the_publisher_panics_is_the_only_one_to_suffer(database) {
        one_of_many(database, Fault::Panics, "the publisher panicked").await;
    }
}
