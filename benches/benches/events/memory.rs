//! Publish, handler and acknowledgement in one process. There is no peer with the same semantics; the reference is a
//! channel, which keeps, redelivers and de-duplicates nothing.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc};
use underpin_benches::Comparison;
use underpin_events::memory::MemoryBus;
use underpin_events::{
    DrainOutcome, Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions, handler_fn,
};

use crate::sample::event;

const BATCH: usize = 1024;
/// How many events may wait for the handlers.
const AHEAD: u64 = 8 * 1024;

pub(crate) fn run(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let bus = MemoryBus::new();
    let (handled, more) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let end = Arc::new(AtomicU64::new(0));
    let (counted, notified, last) = (Arc::clone(&handled), Arc::clone(&more), Arc::clone(&end));
    let handler = handler_fn(move |_delivery| {
        let count = counted.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_multiple_of(BATCH as u64 / 4) || count == last.load(Ordering::Relaxed) {
            notified.notify_one();
        }
        async { Outcome::ack() }
    });
    let options = SubscribeOptions::new("bench").types([">"]).concurrency(64);
    let subscription = runtime.block_on(bus.subscribe(options, handler))?;
    let mut next = 0;
    Comparison::new("one event through memory: publish, handler, acknowledgement", "event")
        .timed("tokio's channel, nothing else", |times| {
            runtime.block_on(async {
                let (sender, mut receiver) = mpsc::channel(BATCH);
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
                let (mut left, mut published) = (events.into_iter(), handled.load(Ordering::Relaxed));
                end.store(published + times, Ordering::Relaxed);
                loop {
                    let batch: Vec<Event> = left.by_ref().take(BATCH).collect();
                    if batch.is_empty() {
                        break;
                    }
                    published += batch.len() as u64;
                    let stored = bus.publish_batch(batch).await;
                    assert!(stored.iter().all(Result::is_ok), "each event must be stored");
                    // No more than some batches ahead of the handlers.
                    while published - handled.load(Ordering::Relaxed) > AHEAD {
                        more.notified().await;
                    }
                }
                while handled.load(Ordering::Relaxed) < published {
                    more.notified().await;
                }
                // Asked only now: to ask all the time would keep the handlers from their events.
                while !subscription.lag().await.is_ok_and(|lag| lag.is_zero()) {
                    tokio::task::yield_now().await;
                }
                start.elapsed()
            })
        })
        .print();
    let outcome = runtime.block_on(subscription.drain(Duration::from_secs(5)));
    assert_eq!(outcome, DrainOutcome::Drained, "every handler must have answered");
    Ok(())
}
