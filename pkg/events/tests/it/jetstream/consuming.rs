//! The hazards of consuming (facts of the events crate, 8 to 15), each on a real server.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{HandlerCounts, LIMIT, connect, event, eventually, options, settings, within};
use futures_util::StreamExt;
use tokio::time::Instant;
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_events::jetstream::{JetStream, Storage, TopologyMode};
use underpin_events::{
    DeadLetterQueue, Event, EventPublisher, EventSubscriber, IdempotentHandler, MemoryIdempotencyStore,
    Order, Outcome, Subscription, handler_fn,
};
use underpin_logger::testing::CaptureLogger;
use underpin_testkit::NatsServer;

/// A consumer that is deaf for longer than this breaks the promise of the crate.
const DEAF: Duration = Duration::from_secs(10);

async fn publish(bus: &JetStream, numbers: std::ops::Range<usize>) {
    // A batch has one deadline: small ones are in time on a busy machine, too.
    for chunk in numbers.collect::<Vec<_>>().chunks(2000) {
        for result in bus.publish_batch(chunk.iter().copied().map(event).collect()).await {
            result.unwrap();
        }
    }
}

async fn settled(subscription: &Arc<dyn Subscription>) {
    eventually(LIMIT, "everything is confirmed", || async {
        subscription.lag().await.is_ok_and(|lag| lag.is_zero())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hazard_9_a_deleted_consumer_is_put_back_and_nothing_is_lost() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("c"), counts.handler()).await.unwrap();
    publish(&bus, 0..100).await;
    eventually(LIMIT, "the first arrive", || async { counts.distinct() == 100 }).await;
    settled(&subscription).await;
    bus.jetstream().get_stream("EVENTS").await.unwrap().delete_consumer("c").await.unwrap();
    publish(&bus, 100..200).await;
    eventually(DEAF, "the consumer hears again", || async { counts.distinct() == 200 }).await;
    eventually(DEAF, "health is up", || async { subscription.check().await.status == HealthStatus::Up })
        .await;
    assert!(subscription.check().await.details["recoveries"].as_u64().unwrap() >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hazard_9_a_deleted_stream_is_put_back() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("s"), counts.handler()).await.unwrap();
    publish(&bus, 0..50).await;
    eventually(LIMIT, "the first arrive", || async { counts.distinct() == 50 }).await;
    bus.jetstream().delete_stream("EVENTS").await.unwrap();
    eventually(DEAF, "publishing works again", || async { bus.publish(event(50)).await.is_ok() }).await;
    publish(&bus, 51..100).await;
    eventually(DEAF, "the consumer hears again", || async { counts.distinct() == 100 }).await;
    eventually(DEAF, "health is up", || async { subscription.check().await.status == HealthStatus::Up })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hazard_9_a_recreated_stream_is_read_from_its_beginning() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let counts = HandlerCounts::default();
    let _subscription = bus.subscribe(options("s"), counts.handler()).await.unwrap();
    publish(&bus, 0..50).await;
    eventually(LIMIT, "the first arrive", || async { counts.distinct() == 50 }).await;
    let config = bus.jetstream().get_stream("EVENTS").await.unwrap().cached_info().config.clone();
    bus.jetstream().delete_stream("EVENTS").await.unwrap();
    bus.jetstream().create_stream(config).await.unwrap();
    // Published before the subscription can have noticed anything.
    publish(&bus, 50..60).await;
    eventually(DEAF, "the consumer hears again", || async { counts.distinct() == 60 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hazard_9_a_memory_stream_lost_with_its_server_is_put_back() {
    let server = NatsServer::private().await;
    let mut memory = settings(&server);
    memory.stream.storage = Storage::Memory;
    let bus = connect(&memory).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("m"), counts.handler()).await.unwrap();
    publish(&bus, 0..10).await;
    eventually(LIMIT, "the first arrive", || async { counts.distinct() == 10 }).await;
    server.kill().await;
    eventually(DEAF, "health is down", || async { subscription.check().await.status == HealthStatus::Down })
        .await;
    server.restart().await;
    eventually(DEAF, "health is up", || async { subscription.check().await.status == HealthStatus::Up })
        .await;
    publish(&bus, 10..20).await;
    eventually(DEAF, "the consumer hears again", || async { counts.distinct() == 20 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_noticed_and_its_return_as_well() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("f"), counts.handler()).await.unwrap();
    eventually(LIMIT, "it is up", || async { subscription.check().await.status == HealthStatus::Up }).await;
    let frozen = Instant::now();
    server.pause().await;
    eventually(DEAF, "health is down", || async { subscription.check().await.status == HealthStatus::Down })
        .await;
    println!("unwell {:?} after the server froze", frozen.elapsed());
    assert_eq!(within(DEAF, "the bus tells", bus.check()).await.status, HealthStatus::Down);
    server.resume().await;
    let back = Instant::now();
    publish(&bus, 0..10).await;
    eventually(DEAF, "the consumer hears again", || async { counts.distinct() == 10 }).await;
    println!("heard again {:?} after it went on", back.elapsed());
    eventually(DEAF, "health is up", || async { subscription.check().await.status == HealthStatus::Up })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hazard_10_an_ack_that_a_lost_consumer_cannot_take_is_no_confirmation() {
    let server = NatsServer::private().await;
    let log = Arc::new(CaptureLogger::new());
    let owner = connect(&settings(&server)).await;
    let made = owner.subscribe(options("a"), HandlerCounts::default().handler()).await.unwrap();
    let _ = made.drain(LIMIT).await;
    // A client that may not create the consumer, so that it stays away.
    let mut verify = settings(&server);
    verify.topology = TopologyMode::Verify;
    let bus = JetStream::connect(&verify, Arc::<CaptureLogger>::clone(&log)).await.unwrap();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let waiting = Arc::clone(&gate);
    let handler = handler_fn(move |_| {
        let (gate, begun) = (Arc::clone(&waiting), begun.clone());
        async move {
            begun.send(()).unwrap();
            gate.acquire().await.unwrap().forget();
            Outcome::ack()
        }
    });
    let subscription = bus.subscribe(options("a"), handler).await.unwrap();
    publish(&bus, 0..1).await;
    within(LIMIT, "the handler begins", begins.recv()).await;
    bus.jetstream().get_stream("EVENTS").await.unwrap().delete_consumer("a").await.unwrap();
    gate.add_permits(10);
    eventually(LIMIT, "the loss is reported", || async {
        log.entries().iter().any(|entry| entry.msg.contains("could not confirm an event"))
    })
    .await;
    eventually(DEAF, "health is down", || async { subscription.check().await.status == HealthStatus::Down })
        .await;
    // Its owner puts the consumer back, and the event comes again.
    let counts = HandlerCounts::default();
    let _owner = owner.subscribe(options("a"), counts.handler()).await.unwrap();
    eventually(LIMIT, "it comes again", || async { counts.total() + begins.len() > 0 }).await;
    eventually(DEAF, "health is up", || async { subscription.check().await.status == HealthStatus::Up })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hazard_11_after_kill_9_right_behind_the_acks_effects_stay_single() {
    const COUNT: usize = 1000;
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let (deliveries, effects) = (HandlerCounts::default(), HandlerCounts::default());
    let counted = effects.clone();
    let effect = handler_fn(move |delivery| {
        counted.add(delivery.event().id());
        async { Outcome::ack() }
    });
    let once = Arc::new(IdempotentHandler::new("k", Arc::new(MemoryIdempotencyStore::default()), effect));
    let seen = deliveries.clone();
    let handler = handler_fn(move |delivery| {
        seen.add(delivery.event().id());
        let once = Arc::clone(&once);
        async move { underpin_events::EventHandler::handle(&*once, delivery).await }
    });
    let subscription = bus.subscribe(options("k").concurrency(64), handler).await.unwrap();
    publish(&bus, 0..COUNT).await;
    eventually(LIMIT, "all were handled", || async { effects.distinct() == COUNT }).await;
    server.kill().await;
    server.restart().await;
    settled(&subscription).await;
    println!("{} deliveries of {COUNT} events, {} effects", deliveries.total(), effects.total());
    assert_eq!(effects.total(), COUNT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hazard_13_a_backlog_larger_than_the_clients_buffer_arrives_complete() {
    const COUNT: usize = 70_000;
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    publish(&bus, 0..COUNT).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("b").concurrency(256), counts.handler()).await.unwrap();
    eventually(LIMIT * 6, "all arrive", || async { counts.distinct() == COUNT }).await;
    settled(&subscription).await;
    assert_eq!(counts.total(), COUNT, "an event came twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undecodable_message_is_dead_lettered_unchanged() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let counts = HandlerCounts::default();
    let subscription = bus.subscribe(options("u").order(Order::PerKey), counts.handler()).await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("X-Origin", "legacy");
    let garbage = bytes::Bytes::from_static(b"\xff\x00 not an event");
    let raw =
        bus.jetstream().publish_with_headers("events.legacy.thing", headers, garbage.clone()).await.unwrap();
    raw.await.unwrap();
    publish(&bus, 0..5).await;
    eventually(LIMIT, "the others arrive", || async { counts.distinct() == 5 }).await;
    settled(&subscription).await;
    let dead_letters = bus.list(0, 10).await.unwrap();
    assert_eq!(dead_letters.len(), 1);
    assert_eq!((dead_letters[0].payload.clone(), dead_letters[0].ty.as_str()), (garbage, "legacy.thing"));
    assert_eq!(dead_letters[0].headers, [("X-Origin".to_owned(), "legacy".to_owned())]);
    assert!(
        dead_letters[0].reason.starts_with("undecodable") && dead_letters[0].event().is_err(),
        "{}",
        dead_letters[0].reason
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_kills_its_process_repeatedly_is_dead_lettered_without_a_call() {
    let server = NatsServer::private().await;
    let bus = connect(&settings(&server)).await;
    let quick = options("crash").max_attempts(1).ack_wait(Duration::from_millis(500));
    let ended = bus.subscribe(quick.clone(), HandlerCounts::default().handler()).await.unwrap();
    let _ = ended.drain(LIMIT).await;
    publish(&bus, 0..1).await;
    // Processes that take the event and are never heard of again.
    let consumer: async_nats::jetstream::consumer::PullConsumer =
        bus.jetstream().get_consumer_from_stream("crash", "EVENTS").await.unwrap();
    for _ in 0..2 {
        let mut taken = consumer.batch().max_messages(1).expires(LIMIT).messages().await.unwrap();
        within(LIMIT, "it is delivered", taken.next()).await.unwrap().unwrap();
    }
    let counts = HandlerCounts::default();
    let _subscription = bus.subscribe(quick, counts.handler()).await.unwrap();
    eventually(LIMIT, "it is dead-lettered", || async { bus.list(0, 10).await.unwrap().len() == 1 }).await;
    let dead_letter = bus.inspect(1).await.unwrap();
    assert!(dead_letter.reason.contains("without an answer") && dead_letter.attempts == 3, "{dead_letter:?}");
    assert_eq!(counts.total(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_whose_headers_make_it_too_large_keeps_its_payload() {
    let server = NatsServer::private_with("max_payload: 4096").await;
    let bus = connect(&settings(&server)).await;
    let reason = "r".repeat(900);
    let handler = handler_fn(move |_| {
        let reason = reason.clone();
        async move { Outcome::dead_letter(reason) }
    });
    let subscription = bus.subscribe(options("big"), handler).await.unwrap();
    let event = Event::builder("order.placed", "/s").text("text/plain", "x".repeat(3500)).build().unwrap();
    bus.publish(event.clone()).await.unwrap();
    eventually(LIMIT, "a dead letter", || async { bus.list(0, 1).await.unwrap().len() == 1 }).await;
    settled(&subscription).await;
    assert_eq!(bus.inspect(1).await.unwrap().event().unwrap(), event);
    bus.replay(1).await.expect("replayed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_per_key_holds_when_a_process_leaves_events_unconfirmed() {
    let server = NatsServer::private().await;
    let ordered = options("o").order(Order::PerKey).ack_wait(Duration::from_secs(1));
    let stuck = connect(&settings(&server)).await;
    let never = handler_fn(|_| async { std::future::pending::<Outcome>().await });
    let first = stuck.subscribe(ordered.clone(), never).await.unwrap();
    publish(&stuck, 0..3).await;
    eventually(LIMIT, "they are out", || async { first.lag().await.is_ok_and(|lag| lag.in_flight == 3) })
        .await;
    // The process ends without a word.
    drop(first);
    stuck.close(Duration::from_millis(100)).await.ok();
    let bus = connect(&settings(&server)).await;
    publish(&bus, 3..6).await;
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = Arc::clone(&order);
    let handler = handler_fn(move |delivery| {
        noted.lock().unwrap().push(delivery.event().json::<usize>().unwrap());
        async { Outcome::ack() }
    });
    let second = bus.subscribe(ordered, handler).await.unwrap();
    eventually(LIMIT, "all arrive", || async { order.lock().unwrap().len() >= 6 }).await;
    settled(&second).await;
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
}
