//! Publish, handler and acknowledgement in one process. There is no peer with the same semantics; the reference is a
//! channel, which keeps, redelivers and de-duplicates nothing. The bus has its default settings, and remembers a million
//! message ids before long.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc};
use underpin_benches::Comparison;
use underpin_events::memory::MemoryBus;
use underpin_events::{
    DrainOutcome, Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions, Subscription, handler_fn,
};

use crate::sample::event;

const BATCH: usize = 1024;
/// How many events may wait for the handlers.
const AHEAD: u64 = 8 * 1024;
/// How many handlers run at once.
const CONCURRENCY: usize = 64;

pub(crate) fn run(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let (batches, singles) = (Bench::start(runtime)?, Bench::start(runtime)?);
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
        .timed("underpin memory bus, 64 handlers, batches of 1024", |times| {
            runtime.block_on(batches.round(times, BATCH))
        })
        .timed("underpin memory bus, 64 handlers, published one by one", |times| {
            runtime.block_on(singles.round(times, 1))
        })
        .print();
    for bench in [batches, singles] {
        let outcome = runtime.block_on(bench.subscription.drain(Duration::from_secs(5)));
        assert_eq!(outcome, DrainOutcome::Drained, "every handler must have answered");
    }
    Ok(())
}

/// A bus with one subscription, for as many rounds as it takes.
struct Bench {
    bus: MemoryBus,
    subscription: Arc<dyn Subscription>,
    handled: Arc<AtomicU64>,
    /// The handled event after which a round is over.
    end: Arc<AtomicU64>,
    more: Arc<Notify>,
}

impl Bench {
    fn start(runtime: &Runtime) -> Result<Self, Box<dyn Error>> {
        let bus = MemoryBus::new();
        let (handled, end, more) = <(Arc<AtomicU64>, Arc<AtomicU64>, Arc<Notify>)>::default();
        let (counted, last, notified) = (Arc::clone(&handled), Arc::clone(&end), Arc::clone(&more));
        let handler = handler_fn(move |_delivery| {
            let count = counted.fetch_add(1, Ordering::Relaxed) + 1;
            if count.is_multiple_of(BATCH as u64 / 4) || count == last.load(Ordering::Relaxed) {
                notified.notify_one();
            }
            async { Outcome::ack() }
        });
        let options = SubscribeOptions::new("bench").types([">"]).concurrency(CONCURRENCY);
        let subscription = runtime.block_on(bus.subscribe(options, handler))?;
        Ok(Self { bus, subscription, handled, end, more })
    }

    /// From the first publish until the bus has every acknowledgement.
    async fn round(&self, times: u64, batch: usize) -> Duration {
        let mut published = self.handled.load(Ordering::Relaxed);
        let events: Vec<Event> = (published..published + times).map(event).collect();
        self.end.store(published + times, Ordering::Relaxed);
        let start = Instant::now();
        let mut left = events.into_iter();
        while left.len() > 0 {
            published += left.len().min(batch) as u64;
            if batch == 1
                && let Some(event) = left.next()
            {
                assert!(self.bus.publish(event).await.is_ok(), "each event must be stored");
            } else {
                let stored = self.bus.publish_batch(left.by_ref().take(batch).collect()).await;
                assert!(stored.iter().all(Result::is_ok), "each event must be stored");
            }
            // No more than some batches ahead of the handlers.
            while published - self.handled.load(Ordering::Relaxed) > AHEAD {
                self.more.notified().await;
            }
        }
        while self.handled.load(Ordering::Relaxed) < published {
            self.more.notified().await;
        }
        // Asked only now: to ask all the time would keep the handlers from their events.
        while !self.subscription.lag().await.is_ok_and(|lag| lag.is_zero()) {
            tokio::task::yield_now().await;
        }
        start.elapsed()
    }
}
