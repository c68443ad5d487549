//! A collector that is down, slow, overloaded or killed costs spans, and nothing else; every one of them is counted.

use std::time::{Duration, Instant};

use underpin_telemetry::Telemetry;
use underpin_testkit::eventually;

use crate::collector::{Collector, LIMIT, Mood, alone, counter, record, settings, start};

fn exported(telemetry: &Telemetry) -> u64 {
    counter(telemetry, "underpin_telemetry_exported_total", "signal=\"traces\"")
}

fn dropped(telemetry: &Telemetry) -> u64 {
    counter(telemetry, "underpin_telemetry_dropped_total", "signal=\"traces\"")
}

/// Runs `work` on a telemetry; returns how many spans were exported and dropped meanwhile.
async fn counts(telemetry: &Telemetry, work: impl AsyncFnOnce()) -> (u64, u64) {
    let before = (exported(telemetry), dropped(telemetry));
    work().await;
    (exported(telemetry) - before.0, dropped(telemetry) - before.1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_down_costs_no_wait_and_no_memory() {
    let _turn = alone().await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut otlp = settings(&format!("http://{closed}"));
    otlp.span_queue = 1000;
    let telemetry = start(otlp);
    let (exported, dropped) = counts(&telemetry, async || {
        record(50_000);
        let stopping = Instant::now();
        assert!(telemetry.stop(Duration::from_millis(300)).await.is_err(), "something was left");
        assert!(stopping.elapsed() < LIMIT);
    })
    .await;
    assert_eq!((exported, dropped), (0, 50_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_without_an_answer_ends_the_stop_in_time() {
    let _turn = alone().await;
    let collector = Collector::http(Mood::Silent).await;
    let telemetry = start(settings(collector.url()));
    record(10);
    eventually(LIMIT, "a request", async || collector.requests() > 0).await;
    let stopping = Instant::now();
    assert!(telemetry.stop(Duration::from_millis(300)).await.is_err());
    assert!(stopping.elapsed() < LIMIT / 2, "{:?}", stopping.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_are_too_large_are_split_until_they_fit() {
    let _turn = alone().await;
    let collector = Collector::http(Mood::TakesAtMost(100)).await;
    let telemetry = start(settings(collector.url()));
    let (exported, dropped) = counts(&telemetry, async || {
        record(2000);
        telemetry.stop(LIMIT).await.unwrap();
    })
    .await;
    assert_eq!((exported, dropped, collector.spans().len()), (2000, 0, 2000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_collector_gets_everything_later() {
    let _turn = alone().await;
    let collector = Collector::http(Mood::Busy(3)).await;
    let telemetry = start(settings(collector.url()));
    let (exported, dropped) = counts(&telemetry, async || {
        record(100);
        telemetry.stop(LIMIT).await.unwrap();
    })
    .await;
    assert_eq!((exported, dropped, collector.spans().len()), (100, 0, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_killed_loses_what_comes_after_it() {
    let _turn = alone().await;
    let collector = Collector::http(Mood::Takes).await;
    let mut otlp = settings(collector.url());
    otlp.give_up_after = Duration::ZERO;
    let telemetry = start(otlp);
    let (exported, dropped) = counts(&telemetry, async || {
        record(10);
        eventually(LIMIT, "the first spans", async || collector.spans().len() == 10).await;
        collector.kill();
        // The connection that is open still answers, mostly; another is not accepted.
        record(10);
        let _lost = telemetry.stop(Duration::from_secs(10)).await;
    })
    .await;
    assert!(exported >= 10 && exported + dropped == 20, "{exported} {dropped}");
    assert!(!telemetry.metrics().unwrap().render().is_empty());
}
