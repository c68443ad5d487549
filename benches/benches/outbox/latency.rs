//! From a transaction to the handler's acknowledgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use underpin_database::{DatabaseExt, TxOptions};
use underpin_events::{EventSubscriber, Outcome, SubscribeOptions, handler_fn};
use underpin_outbox::OutboxError;

use super::Done;
use super::stage::{Stage, event};

/// A second for the statement caches and the first leases, then ten that count.
const WARM_UP: usize = 1_000;
const EVENTS: usize = 10_000;

/// One event a transaction, a thousand transactions a second; the clock starts before BEGIN.
pub(crate) fn measure(runtime: &Runtime) -> Done {
    runtime.block_on(latency())
}

/// When each event passed one point, in microseconds after the start; 0 while it has not.
struct Point(Vec<AtomicU64>);

impl Point {
    fn new() -> Arc<Self> {
        Arc::new(Self((0..WARM_UP + EVENTS).map(|_| AtomicU64::new(0)).collect()))
    }

    fn pass(&self, number: usize, epoch: Instant) {
        if let Some(point) = self.0.get(number) {
            point.store(u64::try_from(epoch.elapsed().as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    fn at(&self, number: usize) -> u64 {
        self.0.get(number).map_or(0, |point| point.load(Ordering::Relaxed))
    }
}

async fn latency() -> Done {
    let stage = Stage::set().await?;
    let (begun, committed, stored, handled) = (Point::new(), Point::new(), Point::new(), Point::new());
    let epoch = Instant::now();
    let sink = Arc::clone(&handled);
    let handler = handler_fn(move |delivery| {
        if let Some(number) = delivery.event().subject().and_then(|key| key.parse().ok()) {
            sink.pass(number, epoch);
        }
        async { Outcome::ack() }
    });
    let options = SubscribeOptions::new("bench").types(["order.>"]);
    let subscription = stage.bus.subscribe(options, handler).await?;
    let sink = Arc::clone(&stored);
    let relay = stage.relay_that_tells(move |keys| {
        keys.iter().filter_map(|key| key.parse().ok()).for_each(|number| sink.pass(number, epoch));
    })?;
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    // The load does not wait for a system that is slow.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut producers = JoinSet::new();
    for number in 0..WARM_UP + EVENTS {
        ticks.tick().await;
        begun.pass(number, epoch);
        let (pool, outbox, committed) = (stage.pool.clone(), stage.outbox.clone(), Arc::clone(&committed));
        let event = event(&number.to_string(), 0)?;
        producers.spawn(async move {
            let (outbox, event) = (&outbox, &event);
            let work = |tx| async move { outbox.enqueue(&tx, event).await };
            let done = pool.transaction::<_, OutboxError, _, _>(TxOptions::default(), work).await;
            committed.pass(number, epoch);
            done
        });
        while let Some(done) = producers.try_join_next() {
            done??;
        }
    }
    while let Some(done) = producers.join_next().await {
        done??;
    }
    let limit = Instant::now();
    while (0..WARM_UP + EVENTS).any(|number| handled.at(number) == 0) {
        if limit.elapsed() > Duration::from_secs(10) {
            return Err("events are missing".into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    relay.stop().await?;
    let _ = subscription.drain(Duration::from_secs(5)).await;
    print(&begun, [("COMMIT", &committed), ("NATS", &stored), ("the handler", &handled)]);
    Ok(())
}

#[allow(clippy::print_stdout, reason = "printing the table is what a benchmark is for")]
fn print(begun: &Point, points: [(&str, &Point); 3]) {
    println!("### ms from before BEGIN, {EVENTS} transactions of one event at 1,000 a second\n");
    println!(
        "| until | 50th percentile | 90th | 99th | 99.9th | the slowest |\n|---|---:|---:|---:|---:|---:|"
    );
    for (name, point) in points {
        let wait = |number: usize| point.at(number).saturating_sub(begun.at(number));
        let mut waits: Vec<u64> = (WARM_UP..WARM_UP + EVENTS).map(wait).collect();
        waits.sort_unstable();
        print!("| {name} ");
        for thousandth in [500, 900, 990, 999, 1000] {
            let place = (waits.len() * thousandth / 1000).min(waits.len().saturating_sub(1));
            let wait = Duration::from_micros(waits.get(place).copied().unwrap_or(0));
            print!("| {:.2} ", wait.as_secs_f64() * 1e3);
        }
        println!("|");
    }
    println!();
}
