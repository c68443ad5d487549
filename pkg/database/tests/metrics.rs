//! What the pool tells the `metrics` facade.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use common::memory;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use underpin_database::sql;

/// Adds up what it is told, by name.
#[derive(Clone, Default)]
struct Sums(Arc<Mutex<BTreeMap<String, u64>>>);

struct Cell(Sums, String);

impl Cell {
    fn add(&self, count: u64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += count;
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.add(value);
    }

    fn absolute(&self, value: u64) {
        self.add(value);
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

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
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
    tokio::time::timeout(std::time::Duration::from_millis(20), waiting)
        .await
        .expect_err("the only seat is taken");
    drop(held);
    let seen = sums.0.lock().unwrap().clone();
    assert_eq!(seen.get("underpin_database_acquire_seconds"), Some(&4));
    assert_eq!(pool.stats().waits.count(), 4);
}
