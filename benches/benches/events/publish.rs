//! Publishing to a real JetStream: file storage, message ids, 1024 events in flight at once.
//!
//! The peers send bytes that were encoded before the clock started; ours encodes each event on the clock.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::Context as RawJetStream;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use tokio::runtime::Runtime;
use underpin_benches::{Comparison, GoPeer};
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{Event, EventPublisher};
use underpin_logger::NoopLogger;
use underpin_testkit::NatsServer;

use crate::sample::event;

const WINDOW: usize = 1024;

pub(crate) fn run(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    // async-nats starts a task when a context is made.
    let _guard = runtime.enter();
    let server = runtime.block_on(NatsServer::private());
    let mut settings = JetStreamSettings::new(server.url());
    // The server remembers message ids for two minutes otherwise, which would be millions of them: its garbage collector would
    // be what is measured, and the more so the longer it takes.
    settings.stream.duplicate_window = Duration::from_secs(2);
    (settings.publish.timeout, settings.publish.ack_timeout) =
        (Duration::from_millis(1900), Duration::from_millis(1900));
    let ours = runtime.block_on(JetStream::connect(&settings, Arc::new(NoopLogger)))?;
    // A connection of its own, as each contender has.
    let client = runtime.block_on(async_nats::connect(server.url()))?;
    let raw = async_nats::jetstream::new(client);
    let subject = format!("{}.order.placed", settings.stream.subject_prefix);
    let go = GoPeer::build("events", &[server.url(), &subject])?;
    let mut next = 1_000_000_000_u64;
    let mut their_next = 0_u64;
    let comparison = Comparison::new("publish to JetStream with message ids, 1024 in flight", "event")
        .timed("async-nats, encoded before", |times| {
            let first = their_next;
            their_next += times;
            let messages: Vec<(String, Bytes)> = (first..first + times)
                .map(|id| {
                    let event = event(id);
                    (event.message_id(), event.to_json())
                })
                .collect();
            runtime.block_on(publish_raw(&raw, &subject, messages))
        })
        .timed("underpin, encoded on the clock", |times| {
            let events: Vec<Event> = (next..next + times).map(event).collect();
            next += times;
            runtime.block_on(async {
                let start = Instant::now();
                let mut left = events.into_iter();
                loop {
                    let batch: Vec<Event> = left.by_ref().take(WINDOW * 8).collect();
                    if batch.is_empty() {
                        return start.elapsed();
                    }
                    let published = ours.publish_batch(batch).await;
                    assert!(published.iter().all(Result::is_ok), "each event must be stored");
                }
            })
        });
    let comparison = match &go {
        Some(go) => comparison.timed("nats.go, encoded before", |times| go.run("publish", times)),
        None => comparison,
    };
    comparison.print();
    runtime.block_on(ours.close(Duration::from_secs(5)))?;
    Ok(())
}

/// The cheapest way that async-nats offers: send, and await the oldest acknowledgement when the window is full.
#[allow(clippy::panic, reason = "a benchmark whose publish fails measures nothing")]
async fn publish_raw(raw: &RawJetStream, subject: &str, messages: Vec<(String, Bytes)>) -> Duration {
    let mut acks = VecDeque::with_capacity(WINDOW);
    let start = Instant::now();
    for (id, payload) in messages {
        if acks.len() >= WINDOW {
            oldest(&mut acks).await;
        }
        let message = PublishMessage::build()
            .message_id(id)
            .header("Content-Type", "application/cloudevents+json")
            .payload(payload);
        match raw.send_publish(subject.to_owned(), message).await {
            Ok(ack) => acks.push_back(ack),
            Err(error) => panic!("publish: {error}"),
        }
    }
    while !acks.is_empty() {
        oldest(&mut acks).await;
    }
    start.elapsed()
}

#[allow(clippy::panic, reason = "a benchmark whose publish fails measures nothing")]
async fn oldest(acks: &mut VecDeque<async_nats::jetstream::context::PublishAckFuture>) {
    if let Some(ack) = acks.pop_front()
        && let Err(error) = ack.await
    {
        panic!("acknowledgement: {error}");
    }
}
