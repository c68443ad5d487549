use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep_until};
use underpin_errors::{Health, HealthCheck};

use super::shared::Shared;
use crate::{Removals, StoreError, Values, Watch, WatchEvent, WatchOptions, WatchStart};

/// Reads the order of the writes from where it was: it has no buffer, so a slow reader costs no memory.
pub(super) struct MemoryWatch {
    shared: Arc<Shared>,
    options: WatchOptions,
    changed: Receiver<u64>,
    /// The last revision that was delivered or skipped.
    after: u64,
    /// The end of the initial state, until it was reached.
    current: Option<u64>,
    /// Whether it was asked to begin after a revision that was never written: the bucket is another one.
    reset: bool,
}

impl MemoryWatch {
    pub(super) fn new(shared: Arc<Shared>, options: WatchOptions) -> Self {
        let changed = shared.changed.subscribe();
        let last = shared.bucket().last();
        let after = match options.start {
            WatchStart::Current => 0,
            WatchStart::New => last,
            WatchStart::After(revision) if revision.get() > last => 0,
            WatchStart::After(revision) => revision.get(),
        };
        let reset = matches!(options.start, WatchStart::After(revision) if revision.get() > last);
        Self { shared, options, changed, after, current: Some(last), reset }
    }

    /// The next event, or when to look again.
    fn step(&mut self) -> Result<WatchEvent, Option<Instant>> {
        if std::mem::take(&mut self.reset) {
            return Ok(WatchEvent::Reset);
        }
        let mut bucket = self.shared.bucket();
        bucket.expire(Instant::now());
        let WatchOptions { patterns, removals, start, .. } = &self.options;
        // Of the initial state, the last write of each key only.
        let state = self.current.filter(|_| *start == WatchStart::Current).unwrap_or(0);
        let found = bucket.find_after(self.after, |entry, is_last| {
            (is_last || entry.revision.get() > state)
                && (*removals == Removals::Include || entry.is_put())
                && (patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&entry.key)))
        });
        let later = |end: u64| found.as_ref().is_none_or(|entry| entry.revision.get() > end);
        if self.current.is_some_and(later) {
            self.current = None;
            return Ok(WatchEvent::Current);
        }
        match found {
            Some(mut entry) => {
                self.after = entry.revision.get();
                if self.options.values == Values::Exclude {
                    entry.value = Bytes::new();
                }
                Ok(WatchEvent::Changed(entry))
            }
            None => {
                self.after = self.after.max(bucket.last());
                Err(bucket.next_expiry())
            }
        }
    }
}

#[async_trait]
impl Watch for MemoryWatch {
    async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        loop {
            self.changed.mark_unchanged();
            let wake = match self.step() {
                Ok(event) => return Ok(event),
                Err(wake) => wake,
            };
            let expiry = async {
                match wake {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = self.changed.changed() => changed.map_err(|_| StoreError::Closed)?,
                () = expiry => {}
            }
        }
    }

    fn health(&self) -> Arc<dyn HealthCheck> {
        Arc::new(AlwaysUp)
    }
}

struct AlwaysUp;

#[async_trait]
impl HealthCheck for AlwaysUp {
    fn name(&self) -> &str {
        "watch"
    }

    async fn check(&self) -> Health {
        Health::up()
    }
}
