//! To whom durables, subjects and dead letters belong.

use std::sync::Arc;
use std::time::Duration;

use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{DeadLetterQueue, EventPublisher, EventSubscriber, EventsError, Outcome, handler_fn};
use underpin_logger::NoopLogger;
use underpin_testkit::NatsServer;

use crate::support::{HandlerCounts, LIMIT, connect, event, eventually, options, settings};

fn named(server: &NatsServer, name: &str) -> JetStreamSettings {
    let mut settings = settings(server);
    name.clone_into(&mut settings.name);
    settings
}

#[tokio::test]
async fn the_durable_of_another_service_is_refused_and_both_are_named() {
    let server = NatsServer::private().await;
    let orders = connect(&named(&server, "orders")).await;
    let first = orders.subscribe(options("projection"), HandlerCounts::default().handler()).await.unwrap();
    let billing = connect(&named(&server, "billing")).await;
    let refused = billing.subscribe(options("projection"), HandlerCounts::default().handler()).await;
    let error = refused.err().expect("refused");
    assert!(matches!(error, EventsError::ForeignConsumer { .. }), "{error:?}");
    let text = error.to_string();
    for word in ["projection", "`orders`", "`billing`"] {
        assert!(text.contains(word), "{text}");
    }
    // The same service shares it, as ever, and another name is free.
    let second = connect(&named(&server, "orders")).await;
    second.subscribe(options("projection"), HandlerCounts::default().handler()).await.unwrap();
    billing.subscribe(options("billing-projection"), HandlerCounts::default().handler()).await.unwrap();
    let _ = first.drain(LIMIT).await;
}

/// What an earlier version created names no service.
#[tokio::test]
async fn a_durable_without_an_owner_is_adopted_where_it_stands() {
    let server = NatsServer::private().await;
    let counts = HandlerCounts::default();
    let before = connect(&settings(&server)).await;
    let subscription = before.subscribe(options("projection"), counts.handler()).await.unwrap();
    before.publish(event(1)).await.unwrap();
    eventually(LIMIT, "the first", || async {
        counts.distinct() == 1 && subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    let _ = subscription.drain(LIMIT).await;
    before.publish(event(2)).await.unwrap();

    let after = connect(&named(&server, "orders")).await;
    let subscription = after.subscribe(options("projection"), counts.handler()).await.unwrap();
    eventually(LIMIT, "the second", || async {
        counts.distinct() == 2 && subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    assert_eq!(counts.total(), 2, "it went on where it was");
    let other = connect(&named(&server, "billing")).await;
    let refused = other.subscribe(options("projection"), counts.handler()).await;
    assert!(matches!(refused.err(), Some(EventsError::ForeignConsumer { .. })));
}

#[tokio::test]
async fn overlapping_subjects_name_the_setting() {
    let server = NatsServer::private().await;
    let _first = connect(&settings(&server)).await;
    let mut other = settings(&server);
    other.stream.name = "OTHER".to_owned();
    other.dead_letters.stream = "OTHER_DEAD".to_owned();
    let error = JetStream::connect(&other, Arc::new(NoopLogger)).await.expect_err("refused");
    assert!(error.to_string().contains("`events.stream.subject_prefix`"), "{error}");
    other.stream.subject_prefix = "other".to_owned();
    let error = JetStream::connect(&other, Arc::new(NoopLogger)).await.expect_err("refused");
    assert!(error.to_string().contains("`events.dead_letters.subject_prefix`"), "{error}");
}

/// Whatever lies among the dead letters, the others are listed.
#[tokio::test]
async fn a_malformed_dead_letter_blocks_no_other() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let big = "v".repeat(60_000);
    let cases: [&[(&str, &str)]; 11] = [
        &[],
        &[("X-Big", &big)],
        &[("ce-id", "")],
        &[("ce-id", "a"), ("ce-id", "b")],
        &[("ce-id", "\u{e9}")],
        &[("ce-", "1")],
        &[("ce-X_y", "1.0")],
        &[("Underpin-Sequence", "18446744073709551615"), ("Underpin-Payload", "in-stream")],
        &[("Underpin-Payload", "in-stream")],
        &[("Underpin-Payload", "1"), ("Underpin-Sequence", "0")],
        &[("Underpin-Attempts", "x"), ("Underpin-Raw-Headers", "not base64")],
    ];
    let bodies = ["x", ""];
    for (headers, body) in cases.iter().flat_map(|headers| bodies.map(|body| (headers, body))) {
        let mut map = async_nats::HeaderMap::new();
        headers.iter().for_each(|(name, value)| map.append(*name, *value));
        let stored = bus.jetstream().publish_with_headers("events-dead.p.a.b", map, body.into()).await;
        stored.unwrap().await.unwrap();
    }
    let found = bus.list(0, 100).await.unwrap();
    assert_eq!(found.len(), cases.len() * bodies.len());
    let incomplete = found.iter().filter(|found| !found.complete).count();
    assert_eq!(incomplete, 3 * bodies.len(), "those that point to an event that is not there");
    for found in found {
        assert_eq!(bus.replay(found.id).await.is_ok(), found.complete);
        if !found.complete {
            bus.discard(found.id).await.unwrap();
        }
    }
    assert!(bus.list(0, 100).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_reason_is_ascii_on_the_wire_and_whole_for_the_reader() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let handler = handler_fn(|_| async { Outcome::dead_letter("100 % kaputt: Stra\u{df}e\r\nzu") });
    let subscription = bus.subscribe(options("p"), handler).await.unwrap();
    bus.publish(event(1)).await.unwrap();
    eventually(LIMIT, "a dead letter", || async { bus.list(0, 1).await.is_ok_and(|found| found.len() == 1) })
        .await;
    assert_eq!(bus.inspect(1).await.unwrap().reason, "100 % kaputt: Stra\u{df}e  zu");
    let stream = bus.jetstream().get_stream("EVENTS_DEAD").await.unwrap();
    let stored = stream.get_raw_message(1).await.unwrap();
    let wire = stored.headers.get("Underpin-Reason").unwrap().as_str();
    assert!(wire.is_ascii() && wire.contains("Stra%C3%9Fe"), "{wire}");
    let _ = subscription.drain(Duration::from_secs(5)).await;
}
