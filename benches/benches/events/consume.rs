//! Consuming from a real JetStream: from the creation of a durable consumer on a full stream, until the server has every
//! acknowledgement, which each contender sees in the consumer's info.
//!
//! Plain acknowledgements are compared with plain ones, confirmed ones with confirmed ones. Ours decodes each event and
//! runs a handler; the first peer looks at nothing, the second reads each event with `serde_json`.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::Stream;
use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use underpin_benches::{Comparison, GoPeer};
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{
    AckMode, Delivery, Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions, handler_fn,
};
use underpin_logger::NoopLogger;
use underpin_testkit::NatsServer;

use crate::sample::event;

/// How many events the stream holds, and so the most that one round consumes.
const STORED: u64 = 400_000;
/// The batch of a fetch, and what ours holds at once.
const BATCH: usize = 1024;
/// How many confirmations the peers await at once.
const CONFIRMATIONS: usize = 256;

type Failure = Box<dyn Error + Send + Sync>;

pub(crate) fn run(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    // async-nats starts a task when a context is made.
    let _guard = runtime.enter();
    let server = runtime.block_on(NatsServer::private());
    let settings = JetStreamSettings::new(server.url());
    let ours = runtime.block_on(JetStream::connect(&settings, Arc::new(NoopLogger)))?;
    runtime.block_on(fill(&ours));
    let client = runtime.block_on(async_nats::connect(server.url()))?;
    let raw = async_nats::jetstream::new(client);
    let stream = runtime.block_on(raw.get_stream(&settings.stream.name))?;
    let subject = format!("{}.order.placed", settings.stream.subject_prefix);
    let go = GoPeer::build("events", &[server.url(), &subject, &settings.stream.name])?;
    for (title, mode, go_work) in [
        ("consume from JetStream, plain acknowledgements", AckMode::Plain, "consume"),
        ("consume from JetStream, confirmed acknowledgements", AckMode::Confirmed, "consume-confirmed"),
    ] {
        let comparison = Comparison::new(title, "event")
            .timed("async-nats, fetch(1024)", |times| {
                spread(times, |times| {
                    checked(runtime.block_on(consume_raw(&stream, times, mode, |_| Ok(()))))
                })
            })
            .timed("async-nats, fetch(1024), decoded with serde_json", |times| {
                spread(times, |times| checked(runtime.block_on(consume_raw(&stream, times, mode, decode))))
            })
            .timed("underpin, decoded and handled", |times| {
                spread(times, |times| checked(runtime.block_on(consume(&ours, &stream, times, mode))))
            });
        let comparison = match &go {
            Some(go) => comparison
                .timed("nats.go, Fetch(1024)", |times| spread(times, |times| go.run(go_work, times))),
            None => comparison,
        };
        comparison.print();
    }
    runtime.block_on(ours.close(Duration::from_secs(5)))?;
    Ok(())
}

async fn fill(bus: &JetStream) {
    let mut next = 0;
    while next < STORED {
        let events: Vec<Event> = (next..STORED.min(next + 8192)).map(event).collect();
        next += events.len() as u64;
        assert!(bus.publish_batch(events).await.iter().all(Result::is_ok), "each event must be stored");
    }
}

/// Rounds that are longer than the stream are several.
fn spread(times: u64, mut work: impl FnMut(u64) -> Duration) -> Duration {
    let (mut left, mut took) = (times, Duration::ZERO);
    while left > 0 {
        let now = left.min(STORED);
        took += work(now);
        left -= now;
    }
    took
}

async fn consume(bus: &JetStream, stream: &Stream, times: u64, acks: AckMode) -> Result<Duration, Failure> {
    let (handled, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let (counted, notified) = (Arc::clone(&handled), Arc::clone(&enough));
    let handler = handler_fn(move |delivery: Delivery| {
        // The peers ask for no event beyond the last; what ours has asked for is nothing to be measured.
        let counts = delivery.sequence() <= times;
        if counts && counted.fetch_add(1, Ordering::Relaxed) + 1 == times {
            notified.notify_one();
        }
        async move {
            if !counts {
                std::future::pending::<()>().await;
            }
            Outcome::ack()
        }
    });
    let options = SubscribeOptions::new("ours").types(["order.placed"]).concurrency(BATCH / 8).acks(acks);
    let start = Instant::now();
    let subscription = bus.subscribe(options, handler).await?;
    enough.notified().await;
    let took = settled(stream, "ours", times, start).await?;
    let _outcome = subscription.drain(Duration::ZERO).await;
    stream.delete_consumer("ours").await?;
    Ok(took)
}

/// What a program without this crate reads of an event: its attributes, and the data as it is.
#[derive(Deserialize)]
struct Envelope {
    specversion: String,
    id: String,
    source: String,
    r#type: String,
    subject: Option<String>,
    time: Option<String>,
    datacontenttype: Option<String>,
    data: Option<Box<RawValue>>,
}

fn decode(payload: &[u8]) -> Result<(), Failure> {
    let event: Envelope = serde_json::from_slice(payload)?;
    let Envelope { specversion, id, source, r#type, subject, time, datacontenttype, data } = event;
    black_box((specversion, id, source, r#type, subject, time, datacontenttype, data));
    Ok(())
}

async fn consume_raw(
    stream: &Stream,
    times: u64,
    acks: AckMode,
    handle: fn(&[u8]) -> Result<(), Failure>,
) -> Result<Duration, Failure> {
    let config = pull::Config {
        durable_name: Some("raw".to_owned()),
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: 8192,
        filter_subjects: vec!["events.order.placed".to_owned()],
        ..pull::Config::default()
    };
    let start = Instant::now();
    let consumer: PullConsumer = stream.create_consumer(config).await?;
    let mut left = times;
    while left > 0 {
        let size = usize::try_from(left)?.min(BATCH);
        let batch = consumer.fetch().max_messages(size).messages().await?;
        let taken = match acks {
            AckMode::Plain => {
                let mut batch = batch;
                let mut taken = 0;
                while let Some(message) = batch.next().await {
                    let message = message?;
                    handle(&message.payload)?;
                    message.ack().await?;
                    taken += 1;
                }
                taken
            }
            _ => {
                let confirmed = batch
                    .map(|message| async move {
                        let message = message?;
                        handle(&message.payload)?;
                        message.double_ack().await
                    })
                    .buffer_unordered(CONFIRMATIONS);
                confirmed.try_fold(0, |sum, ()| async move { Ok(sum + 1) }).await?
            }
        };
        left = left.saturating_sub(taken);
    }
    let took = settled(stream, "raw", times, start).await?;
    stream.delete_consumer("raw").await?;
    Ok(took)
}

/// Waits until the server has the acknowledgement of the first `times` events.
async fn settled(stream: &Stream, consumer: &str, times: u64, start: Instant) -> Result<Duration, Failure> {
    while stream.consumer_info(consumer).await?.ack_floor.stream_sequence < times {}
    Ok(start.elapsed())
}

#[allow(clippy::panic, reason = "a benchmark that consumes nothing measures nothing")]
fn checked(result: Result<Duration, Failure>) -> Duration {
    match result {
        Ok(took) => took,
        Err(error) => panic!("consume: {error}"),
    }
}
