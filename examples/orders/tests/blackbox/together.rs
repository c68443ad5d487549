//! The family together, once, over real PostgreSQL and NATS: configuration, log, database, event, consumer, projection and
//! error body of one service, held together by one request id.

use std::sync::Arc;

use crate::support::{LIMIT, Service, tea};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{Delivery, Event, EventSubscriber, Outcome, SubscribeOptions, handler_fn};
use underpin_logger::NoopLogger;
use underpin_testkit::{NatsServer, PostgresDatabase};

const REQUEST: &str = "glue-42";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_request_id_holds_configuration_log_database_event_projection_and_error_together() {
    let (database, nats) = (PostgresDatabase::fresh().await, NatsServer::private().await);

    // Configuration: the file sets the limit of a body and a port; the environment has the last word on the port.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("orders.toml"), "[http]\nport = 1\nmax_body = \"300B\"\n").unwrap();
    let variables = [("DATABASE_URL", database.url()), ("NATS_URL", nats.url())];
    let service = Service::start(crate::BINARY, folder.path(), &variables);
    let other = Service::start(crate::BINARY, folder.path(), &variables);
    let mut events = listen(&nats).await;

    // A request, with an id and a trace of the caller.
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let headers = [("x-request-id", REQUEST), ("traceparent", &parent)];
    let placed = service.post("/orders", &headers, &tea("ada"));
    assert_eq!((placed.status, placed.header("x-request-id")), (201, Some(REQUEST)), "{placed:?}");
    let order = placed.json();

    // Database: the row is there, for another process too.
    let found = other.get(placed.header("location").unwrap());
    assert_eq!((found.status, found.json()), (200, order.clone()));

    // Event: published to whoever listens, with the id and the trace.
    let event = tokio::time::timeout(LIMIT, events.recv()).await.expect("an event").expect("an event");
    assert_eq!((event.ty(), event.subject()), ("order.placed", order["id"].as_str()));
    assert_eq!(event.request_id(), Some(REQUEST));
    assert!(event.trace_parent().is_some_and(|parent| parent.contains(TRACE)), "{event:?}");
    assert_eq!(event.json::<Value>().unwrap()["total_cents"], 700);

    // Projection: counted once by one of the two processes, seen by both.
    let wanted = json!({"orders_placed": 1, "revenue_cents": 700});
    for service in [&service, &other] {
        service.get_until("/stats", |stats| stats.json() == wanted);
    }

    // Error body: the same id again, from a problem that the limit of the file caused.
    let large = tea(&"a".repeat(300));
    let refused = service.post("/orders", &[("x-request-id", REQUEST)], &large);
    assert_eq!(refused.problem(413, "BODY_TOO_LARGE")["request_id"], REQUEST);

    // Log: both processes wrote JSON, and the id is on the line of each step.
    let lines = [service.stop(), other.stop()].concat();
    let with_id =
        |msg: &str| lines.iter().filter(|line| line["msg"] == msg && line["request_id"] == REQUEST).count();
    assert_eq!(with_id("order placed"), 1, "{lines:#?}");
    assert_eq!(with_id("order counted"), 1, "{lines:#?}");
    let traced = lines.iter().filter(|line| line["trace_id"] == TRACE).count();
    assert!(traced >= 2, "the trace is on the lines of the producer and of the consumer: {lines:#?}");
    assert!(lines.iter().all(|line| !line.to_string().contains(database.url())), "no log line holds a URL");
}

/// Another reader of the events, as a service of another team would be.
async fn listen(nats: &NatsServer) -> mpsc::UnboundedReceiver<Event> {
    let settings = JetStreamSettings::new(nats.url());
    let bus = JetStream::connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    let handler = handler_fn(move |delivery: Delivery| {
        drop(sender.send(delivery.into_event()));
        async { Outcome::ack() }
    });
    let options = SubscribeOptions::new("glue").types(["order.placed"]);
    let subscription = bus.subscribe(options, handler).await.unwrap();
    // Both live as long as the test.
    std::mem::forget((bus, subscription));
    receiver
}
