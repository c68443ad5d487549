use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Keeps every counter and gauge, and how many values each histogram got, by name and labels.
#[derive(Default)]
pub(crate) struct Metrics {
    counters: Values,
    gauges: Values,
    histograms: Mutex<BTreeMap<String, Arc<Count>>>,
    described: Mutex<BTreeSet<String>>,
}

type Values = Mutex<BTreeMap<String, Arc<AtomicU64>>>;

#[derive(Default)]
struct Count(AtomicU64);

impl HistogramFn for Count {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Metrics {
    /// Zero for one that is not registered.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.counters.lock().unwrap().get(name).map_or(0, |value| value.load(Ordering::SeqCst))
    }

    /// None for one that is not registered.
    pub(crate) fn gauge(&self, name: &str) -> Option<f64> {
        self.gauges.lock().unwrap().get(name).map(|value| f64::from_bits(value.load(Ordering::SeqCst)))
    }

    pub(crate) fn recorded(&self, name: &str) -> u64 {
        self.histograms.lock().unwrap().get(name).map_or(0, |count| count.0.load(Ordering::SeqCst))
    }
}

impl Metrics {
    /// Names of the metrics of this crate that were used without a help text.
    pub(crate) fn without_help(&self) -> Vec<String> {
        let counters: Vec<String> = self.counters.lock().unwrap().keys().cloned().collect();
        let gauges: Vec<String> = self.gauges.lock().unwrap().keys().cloned().collect();
        let histograms: Vec<String> = self.histograms.lock().unwrap().keys().cloned().collect();
        let used: BTreeSet<String> = [counters, gauges, histograms]
            .concat()
            .iter()
            .map(|name| name.split_once('{').unwrap().0.to_owned())
            .filter(|name| name.starts_with("underpin_outbox_"))
            .collect();
        assert_eq!(used.len(), 11);
        used.difference(&self.described.lock().unwrap()).cloned().collect()
    }
}

impl Metrics {
    /// Other crates of the process describe their metrics as well.
    fn describe(&self, name: &str, unit: Option<Unit>, text: &str) {
        if name.starts_with("underpin_outbox_") {
            assert!(unit.is_some() && text.ends_with('.'), "{text}");
        }
        self.described.lock().unwrap().insert(name.to_owned());
    }
}

impl Recorder for Metrics {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(name.as_str(), unit, &text);
    }
    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(name.as_str(), unit, &text);
    }
    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(name.as_str(), unit, &text);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::clone(self.counters.lock().unwrap().entry(text(key)).or_default()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::clone(self.gauges.lock().unwrap().entry(text(key)).or_default()))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::clone(self.histograms.lock().unwrap().entry(text(key)).or_default()))
    }
}

fn text(key: &Key) -> String {
    let labels: Vec<String> =
        key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
    format!("{}{{{}}}", key.name(), labels.join(","))
}
