use std::collections::{HashMap, HashSet};

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::outcome::Row;
use super::poison::PublishCounts;
use super::publish::{Publish, Published};

/// Publishes that go on while the worker does other work, at most one of a key.
///
/// The keys and partitions of their rows must not be published or released meanwhile.
#[derive(Default)]
pub(super) struct InFlight {
    publishes: FuturesUnordered<Publish>,
    ended: Vec<Published>,
    rows: HashMap<i64, (Row, PublishCounts)>,
    keys: HashSet<String>,
}

/// A row whose publish has ended.
#[derive(Debug)]
pub(super) struct EndedRow {
    pub(super) row: Row,
    /// The counters when the publish began.
    pub(super) before: PublishCounts,
    pub(super) published: Published,
}

impl InFlight {
    /// Takes a row whose publish is, or will be, among those given to [`add`](Self::add).
    pub(super) fn track(&mut self, mut row: Row, before: PublishCounts) {
        // Decoded already.
        row.envelope = String::new();
        self.keys.insert(row.key.clone());
        self.rows.insert(row.id, (row, before));
    }

    pub(super) fn add(&mut self, publishes: impl IntoIterator<Item = Publish>) {
        self.publishes.extend(publishes);
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn has_key(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    pub(super) fn partitions(&self) -> HashSet<i16> {
        self.rows.values().map(|(row, _)| row.partition).collect()
    }

    /// Waits until a publish has ended; for ever when there is none. Cancel-safe.
    pub(super) async fn ended(&mut self) {
        if !self.ended.is_empty() {
            return;
        }
        match self.publishes.next().await {
            Some(published) => self.ended.push(published),
            None => std::future::pending().await,
        }
    }

    /// The rows whose publish has ended.
    pub(super) fn take_ended(&mut self) -> Vec<EndedRow> {
        while let Some(Some(published)) = self.publishes.next().now_or_never() {
            self.ended.push(published);
        }
        let mut rows = Vec::with_capacity(self.ended.len());
        for published in self.ended.drain(..) {
            if let Some((row, before)) = self.rows.remove(&published.row) {
                self.keys.remove(&row.key);
                rows.push(EndedRow { row, before, published });
            }
        }
        rows
    }
}
