//! How deliveries end: dead letters that must be stored, and confirmations that a drain waits for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{HandlerCounts, LIMIT, connect, event, eventually, options, settings, within};
use async_nats::HeaderMap;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::unbounded_channel;
use underpin_events::jetstream::JetStream;
use underpin_events::{
    Accept, DeadLetterQueue, DrainOutcome, Event, EventPublisher, EventSubscriber, Order, Outcome,
    Subscription, handler_fn,
};
use underpin_logger::testing::{CaptureLogger, CapturedEntry};
use underpin_testkit::NatsServer;

async fn settled(subscription: &Arc<dyn Subscription>) {
    eventually(LIMIT, "everything is settled", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
}

/// What a producer told the server about its message is no part of the dead letter: the stream of dead letters would refuse it,
/// or obey.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_for_the_server_do_not_keep_an_event_out_of_the_dead_letters() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let fails = handler_fn(|_| async { Outcome::dead_letter("never") });
    let strict = options("s").order(Order::Strict);
    let subscription = bus.subscribe(strict, fails).await.unwrap();
    let controls = [
        ("Nats-Expected-Stream", "EVENTS"),
        ("nats-expected-stream", "EVENTS"),
        ("Nats-Expected-Last-Sequence", "2"),
        ("Nats-Msg-Id", "theirs"),
        ("Underpin-Reason", "theirs"),
        ("underpin-payload", "theirs"),
    ];
    for (n, (name, value)) in controls.iter().enumerate() {
        let mut headers = HeaderMap::new();
        headers.insert(*name, *value);
        headers.insert("X-Trace", "a");
        let payload = event(n).to_json();
        let stored = bus.jetstream().publish_with_headers("events.order.placed", headers, payload).await;
        stored.unwrap().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        settled(&subscription).await;
    }
    let dead_letters = bus.list(0, 100).await.unwrap();
    assert_eq!(dead_letters.len(), controls.len(), "{dead_letters:#?}");
    let traces = [("X-Trace".to_owned(), "a".to_owned())];
    for dead_letter in &dead_letters {
        assert_eq!((&dead_letter.headers[..], dead_letter.reason.as_str()), (&traces[..], "never"));
    }
    // A replay is a new message; it fails once more here.
    bus.replay(dead_letters[0].id).await.unwrap();
    settled(&subscription).await;
    let again = bus.list(dead_letters[dead_letters.len() - 1].id, 10).await.unwrap();
    assert_eq!((again.len(), &again[0].headers[..]), (1, &traces[..]));
    assert_eq!(again[0].event().unwrap().id(), "e-0");
}

/// An event that is given up stays ahead of its key until it lies in the dead letters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_that_cannot_be_stored_lets_nothing_pass() {
    let server = NatsServer::private().await;
    let log = Arc::new(CaptureLogger::new());
    let mut impatient = settings(&server);
    impatient.publish.timeout = Duration::from_secs(1);
    impatient.publish.ack_timeout = Duration::from_millis(500);
    let bus = JetStream::connect(&impatient, Arc::<CaptureLogger>::clone(&log)).await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let handler = handler_fn(move |delivery| {
        let number = delivery.event().json::<usize>().unwrap();
        let mut seen = noted.lock().unwrap();
        // Would succeed if it came again.
        let outcome =
            if number == 0 && !seen.contains(&0) { Outcome::dead_letter("never") } else { Outcome::ack() };
        seen.push(number);
        async { outcome }
    });
    let subscription = bus.subscribe(options("o").order(Order::PerKey), handler).await.unwrap();
    bus.jetstream().delete_stream(&impatient.dead_letters.stream).await.unwrap();
    for result in bus.publish_batch((0..3).map(event).collect()).await {
        result.unwrap();
    }
    eventually(LIMIT, "storing it fails again", || async {
        let told = |entry: &&CapturedEntry| entry.msg.contains("could not dead-letter an event");
        log.entries().iter().filter(told).count() >= 2
    })
    .await;
    assert_eq!(*seen.lock().unwrap(), [0]);
    assert!(subscription.lag().await.unwrap().in_flight > 0);
    bus.apply().await.unwrap();
    settled(&subscription).await;
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2]);
    let dead_letters = bus.list(0, 10).await.unwrap();
    assert_eq!((dead_letters.len(), dead_letters[0].attempts, dead_letters[0].sequence), (1, 1, 1));
}

/// A drain that runs out of time says so, whatever it still waited for.
async fn drain_counts(order: Order, answer: fn() -> Outcome) {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let gate = Arc::new(Semaphore::new(0));
    let (begun, mut begins) = unbounded_channel();
    let waiting = Arc::clone(&gate);
    let handler = handler_fn(move |_| {
        let (gate, begun) = (Arc::clone(&waiting), begun.clone());
        async move {
            begun.send(()).unwrap();
            gate.acquire().await.unwrap().forget();
            answer()
        }
    });
    let slow = options("d").order(order).ack_wait(LIMIT);
    let subscription = bus.subscribe(slow, handler).await.unwrap();
    bus.publish(event(0)).await.unwrap();
    within(LIMIT, "the handler begins", begins.recv()).await;
    server.pause().await;
    gate.add_permits(1);
    let outcome = within(LIMIT, "the drain ends", subscription.drain(Duration::from_millis(800))).await;
    assert_eq!(outcome, DrainOutcome::TimedOut { cancelled: 1 });
    server.resume().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_counts_confirmations_that_did_not_come() {
    drain_counts(Order::None, Outcome::ack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_counts_dead_letters_that_were_not_stored() {
    drain_counts(Order::None, || Outcome::dead_letter("never")).await;
    drain_counts(Order::Strict, || Outcome::dead_letter("never")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_flat_form_is_read_by_those_who_accept_it_and_dead_lettered_by_others() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let (sender, mut taken) = unbounded_channel();
    let handler = handler_fn(move |delivery| {
        sender.send(delivery.event().clone()).unwrap();
        async { Outcome::ack() }
    });
    let migrating = options("migrating").accept(Accept::CloudEventsOrFlat);
    let migrating = bus.subscribe(migrating, handler).await.unwrap();
    let refuses = bus.subscribe(options("strict"), HandlerCounts::default().handler()).await.unwrap();
    let flat = br#"{"id":"1","source":"/s","type":"order.placed","timestamp":"2024-01-02T03:04:05Z","organization_id":"acme","data":{"n":1}}"#;
    bus.jetstream().publish("events.order.placed", flat.as_slice().into()).await.unwrap().await.unwrap();
    let second = event(2);
    bus.publish(second.clone()).await.unwrap();
    for subscription in [&migrating, &refuses] {
        settled(subscription).await;
    }
    // Without an order the second may come first.
    let mut taken = [taken.try_recv().unwrap(), taken.try_recv().unwrap()];
    taken.sort_by_key(|event| event.id() != "1");
    let [first, other] = &taken;
    assert_eq!((first.id(), first.organization_id()), ("1", Some("acme")));
    assert_eq!(first.time(), Event::from_json_or_flat(flat).unwrap().time());
    assert_eq!(*other, second);
    let dead_letters = bus.list(0, 10).await.unwrap();
    assert_eq!((dead_letters.len(), dead_letters[0].subscription.as_str()), (1, "strict"));
    assert!(dead_letters[0].reason.starts_with("undecodable"), "{}", dead_letters[0].reason);
}
