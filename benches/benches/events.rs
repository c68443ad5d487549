//! Events beside cloudevents-sdk (the codec) and plain async-nats (publishing to a real JetStream), and the memory bus.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::Context as RawJetStream;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use cloudevents::{AttributesReader, EventBuilder, EventBuilderV10};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc};
use underpin_benches::Comparison;
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::memory::MemoryBus;
use underpin_events::{Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions, handler_fn};
use underpin_logger::NoopLogger;
use underpin_testkit::NatsServer;

const WINDOW: usize = 1024;

#[derive(Clone, Serialize, Deserialize)]
struct Placed {
    customer: String,
    items: Vec<Item>,
    total_cents: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    sku: String,
    quantity: u32,
    unit_price_cents: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    codec()?;
    memory(&runtime)?;
    jetstream(&runtime)
}

fn placed() -> Placed {
    let item = |sku: &str| Item { sku: sku.to_owned(), quantity: 2, unit_price_cents: 350 };
    Placed {
        customer: "ada".to_owned(),
        items: vec![item("tea"), item("coffee"), item("sugar")],
        total_cents: 2100,
    }
}

fn event(id: u64) -> Event {
    let built =
        Event::builder("order.placed", "/orders").id(id.to_string()).subject("o-1").json(&placed()).build();
    built.unwrap_or_else(|error| unreachable!("the event is valid: {error}"))
}

/// Structured JSON, there and back to a typed payload.
fn codec() -> Result<(), Box<dyn Error>> {
    let ours = event(1);
    let theirs = EventBuilderV10::new()
        .id("1")
        .ty("order.placed")
        .source("/orders")
        .subject("o-1")
        .data("application/json", serde_json::to_value(placed())?)
        .build()?;
    assert_eq!(theirs.ty(), ours.ty());
    let (json, their_json) = (ours.to_json(), serde_json::to_vec(&theirs)?);

    Comparison::new("encode an event as structured JSON", "event")
        .contender("cloudevents-sdk", || serde_json::to_vec(black_box(&theirs)))
        .contender("underpin", || black_box(&ours).to_json())
        .print();
    Comparison::new("decode structured JSON to a typed payload", "event")
        .contender("cloudevents-sdk", || {
            let event: cloudevents::Event = serde_json::from_slice(black_box(&their_json))?;
            match event.data() {
                Some(cloudevents::Data::Json(data)) => serde_json::from_value::<Placed>(data.clone()),
                _ => Err(serde::de::Error::custom("the payload is JSON")),
            }
        })
        .contender("underpin", || Event::from_json(black_box(&json)).and_then(|event| event.json::<Placed>()))
        .print();
    Ok(())
}

/// Publish, handler and acknowledgement in one process. There is no peer with the same semantics; the reference is a
/// channel, which keeps, redelivers and de-duplicates nothing.
fn memory(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let bus = MemoryBus::new();
    let (seen, mut answers) = mpsc::unbounded_channel();
    let handler = handler_fn(move |_delivery| {
        let _ = seen.send(());
        async { Outcome::ack() }
    });
    let subscription = runtime
        .block_on(bus.subscribe(SubscribeOptions::new("bench").types([">"]).concurrency(2), handler))?;
    let mut next = 0;
    Comparison::new("one event through memory: publish, handler, acknowledgement", "event")
        .timed("tokio's channel, nothing else", |times| {
            runtime.block_on(async {
                let (sender, mut receiver) = mpsc::channel(WINDOW);
                let events: Vec<Event> = (0..times).map(event).collect();
                let start = Instant::now();
                let reader = tokio::spawn(async move { while receiver.recv().await.is_some() {} });
                for event in events {
                    assert!(sender.send(event).await.is_ok(), "the reader lives");
                }
                drop(sender);
                assert!(reader.await.is_ok(), "the reader must not panic");
                start.elapsed()
            })
        })
        .timed("underpin memory bus, batches of 1024", |times| {
            runtime.block_on(async {
                let events: Vec<Event> = (next..next + times).map(event).collect();
                next += times;
                let start = Instant::now();
                let mut left = events.into_iter();
                loop {
                    let batch: Vec<Event> = left.by_ref().take(WINDOW).collect();
                    if batch.is_empty() {
                        break;
                    }
                    let published = bus.publish_batch(batch).await;
                    assert!(published.iter().all(Result::is_ok), "each event must be stored");
                    for _ in &published {
                        let _ = answers.recv().await;
                    }
                }
                start.elapsed()
            })
        })
        .print();
    let outcome = runtime.block_on(subscription.drain(Duration::from_secs(5)));
    assert_eq!(outcome, underpin_events::DrainOutcome::Drained, "every handler must have answered");
    Ok(())
}

/// 256-byte payloads, 1024 on their way at once, file storage, message ids.
fn jetstream(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let server = runtime.block_on(NatsServer::start());
    let settings = JetStreamSettings::new(server.url());
    let ours = runtime.block_on(JetStream::connect(&settings, Arc::new(NoopLogger)))?;
    let raw = ours.jetstream().clone();
    let subject = format!("{}.order.placed", settings.stream.subject_prefix);
    let mut next = 1_000_000_000_u64;
    let mut their_next = 0_u64;
    Comparison::new("publish to JetStream with message ids, 1024 in flight", "event")
        .timed("plain async-nats, bytes encoded before the clock", |times| {
            let first = their_next;
            their_next += times;
            let payloads: Vec<(u64, Bytes)> =
                (first..first + times).map(|id| (id, event(id).to_json())).collect();
            runtime.block_on(publish_raw(&raw, &subject, payloads))
        })
        .timed("underpin, events encoded on the clock", |times| {
            let events: Vec<Event> = (next..next + times).map(event).collect();
            next += times;
            runtime.block_on(async {
                let start = Instant::now();
                let mut left = events.into_iter();
                loop {
                    let batch: Vec<Event> = left.by_ref().take(WINDOW * 4).collect();
                    if batch.is_empty() {
                        return start.elapsed();
                    }
                    let published = ours.publish_batch(batch).await;
                    assert!(published.iter().all(Result::is_ok), "each event must be stored");
                }
            })
        })
        .print();
    runtime.block_on(ours.close(Duration::from_secs(5)))?;
    Ok(())
}

#[allow(clippy::panic, reason = "a benchmark whose publish fails measures nothing")]
async fn publish_raw(raw: &RawJetStream, subject: &str, payloads: Vec<(u64, Bytes)>) -> Duration {
    let window = Arc::new(Semaphore::new(WINDOW));
    let mut acks = FuturesUnordered::new();
    let start = Instant::now();
    for (id, payload) in payloads {
        let Ok(slot) = Arc::clone(&window).acquire_owned().await else { break };
        let message = PublishMessage::build().message_id(id.to_string()).payload(payload);
        match raw.send_publish(subject.to_owned(), message).await {
            Ok(ack) => acks.push(async move {
                let stored = ack.await;
                drop(slot);
                stored
            }),
            Err(error) => panic!("publish: {error}"),
        }
        while window.available_permits() == 0 {
            match acks.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => panic!("acknowledgement: {error}"),
                None => break,
            }
        }
    }
    while let Some(stored) = acks.next().await {
        if let Err(error) = stored {
            panic!("acknowledgement: {error}");
        }
    }
    start.elapsed()
}
