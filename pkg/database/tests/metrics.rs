//! What the pool tells the `metrics` facade.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{memory, until};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use underpin_database::{Executor, sql};

/// Adds up what it is told, by name.
#[derive(Clone, Default)]
struct Sums(Arc<Mutex<BTreeMap<String, i64>>>);

impl Sums {
    fn of(&self, name: &str) -> i64 {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

struct Cell(Sums, String);

impl Cell {
    fn add(&self, count: i64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += count;
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.add(value.try_into().unwrap());
    }

    fn absolute(&self, value: u64) {
        self.add(value.try_into().unwrap());
    }
}

impl GaugeFn for Cell {
    fn increment(&self, value: f64) {
        self.add(value as i64);
    }

    fn decrement(&self, value: f64) {
        self.add(-(value as i64));
    }

    fn set(&self, value: f64) {
        panic!("two pools of one process would overwrite each other's {value}");
    }
}

impl HistogramFn for Cell {
    fn record(&self, seconds: f64) {
        assert!((0.0..60.0).contains(&seconds));
        self.add(1);
    }
}

impl Recorder for Sums {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Cell(self.clone(), key.name().to_owned())))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(Cell(self.clone(), key.name().to_owned())))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Cell(self.clone(), key.name().to_owned())))
    }
}

#[tokio::test]
async fn waits_and_mishaps_are_counted() {
    let sums = Sums::default();
    let _guard = metrics::set_default_local_recorder(&sums);
    let pool = memory().await;
    for _ in 0..3 {
        pool.query_one(sql("SELECT 1", [])).await.unwrap();
    }
    let held = pool.session().await.unwrap();
    let waiting = pool.query_one(sql("SELECT 1", []));
    tokio::time::timeout(Duration::from_millis(20), waiting).await.expect_err("the only seat is taken");
    drop(held);
    assert_eq!(sums.of("underpin_database_acquire_seconds"), 4);
    assert_eq!(pool.stats().waits.count(), 4);
}

#[tokio::test]
async fn pools_are_shown_as_gauges_that_add_up_and_end_with_them() {
    let sums = Sums::default();
    let _guard = metrics::set_default_local_recorder(&sums);
    let (one, other) = (memory().await, memory().await);
    let held = one.session().await.unwrap();
    let shown = |open, idle, in_use| {
        let seen = ["connections_open", "connections_idle", "connections_in_use"]
            .map(|name| sums.of(&format!("underpin_database_{name}")));
        seen == [open, idle, in_use]
    };
    until("both are shown", async || shown(2, 1, 1)).await;
    drop(held);
    until("the session is back", async || shown(2, 2, 0)).await;
    let held = one.session().await.unwrap();
    let waiting = {
        let one = one.clone();
        tokio::spawn(async move { one.session().await.map(drop) })
    };
    until("someone waits", async || sums.of("underpin_database_callers_waiting") == 1).await;
    drop(held);
    waiting.await.unwrap().unwrap();
    one.close(Duration::from_secs(5)).await;
    until("the closed one is gone", async || shown(1, 1, 0)).await;
    drop(other);
    until("the dropped one is gone", async || shown(0, 0, 0)).await;
}
