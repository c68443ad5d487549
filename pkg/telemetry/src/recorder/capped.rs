use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    sync::{PoisonError, RwLock},
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit};

use super::names::SERIES_DROPPED;

/// What replaces the values of labels beyond the cap.
const OTHER: &str = "other";

/// A recorder that gives each metric at most so many series. Another one is recorded in a series whose labels are all `other`.
pub(super) struct CappedRecorder<R> {
    inner: R,
    most: usize,
    hasher: RandomState,
    /// The series of each metric, by the hash of their labels.
    known: RwLock<HashMap<KeyName, HashSet<u64>>>,
}

impl<R: Recorder> CappedRecorder<R> {
    pub(super) fn new(inner: R, most: usize) -> Self {
        Self { inner, most, hasher: RandomState::new(), known: RwLock::default() }
    }

    /// `None` if the key may have a new series, otherwise the key to record under.
    fn fold(&self, key: &Key, metadata: &Metadata<'_>) -> Option<Key> {
        if key.labels().len() == 0 {
            return None;
        }
        let (name, hash) = (key.name_shared(), self.hasher.hash_one(key));
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.get(&name).is_some_and(|series| series.contains(&hash)) {
                return None;
            }
            if known.get(&name).is_none_or(|series| series.len() < self.most) {
                drop(known);
                if self.admit(&name, hash) {
                    return None;
                }
            }
        }
        let labels: Vec<Label> =
            key.labels().map(|label| Label::new(label.key().to_owned(), OTHER)).collect();
        let metric = Label::new("metric", name.as_str().to_owned());
        let dropped = Key::from_parts(SERIES_DROPPED, vec![metric]);
        self.inner.register_counter(&dropped, metadata).increment(1);
        Some(Key::from_parts(name, labels))
    }

    fn admit(&self, name: &KeyName, hash: u64) -> bool {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let series = known.entry(name.clone()).or_default();
        let has_room = series.len() < self.most || series.contains(&hash);
        if has_room {
            series.insert(hash);
        }
        has_room
    }
}

impl<R: Recorder> Recorder for CappedRecorder<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        match self.fold(key, metadata) {
            None => self.inner.register_counter(key, metadata),
            Some(other) => self.inner.register_counter(&other, metadata),
        }
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        match self.fold(key, metadata) {
            None => self.inner.register_gauge(key, metadata),
            Some(other) => self.inner.register_gauge(&other, metadata),
        }
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        match self.fold(key, metadata) {
            None => self.inner.register_histogram(key, metadata),
            Some(other) => self.inner.register_histogram(&other, metadata),
        }
    }
}
