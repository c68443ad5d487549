use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;
use underpin_errors::HealthStatus;

use super::feed::{Invalidation, InvalidationFeed, Invalidations};
use super::tags::{announcement, invalidated};
use crate::{Expect, KeyValue, StoreError, Ttl, Watch, WatchEvent, WatchOptions, WatchStart};

/// How often the health of the watch is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The watch of a key-value bucket as a feed.
///
/// Where the bucket is the second level of the cache, its writes are the invalidations: [`of_second_level`](Self::of_second_level). Else each
/// invalidation is an entry: [`new`](Self::new), in a separate bucket with a short `ttl`.
#[derive(Clone)]
pub struct KeyValueFeed {
    store: Arc<dyn KeyValue>,
    writes: bool,
}

impl KeyValueFeed {
    /// A feed through this bucket, which the cache does not use otherwise.
    pub fn new(store: Arc<dyn KeyValue>) -> Self {
        Self { store, writes: true }
    }

    /// The writes of the second level.
    pub fn of_second_level(store: Arc<dyn KeyValue>) -> Self {
        Self { store, writes: false }
    }
}

#[async_trait]
impl InvalidationFeed for KeyValueFeed {
    async fn publish(&self, invalidation: &Invalidation) -> Result<(), StoreError> {
        // The second level has written it.
        if self.writes {
            let key = announcement(invalidation)?;
            self.store.put(&key, "".into(), Expect::Anything, Ttl::Bucket).await?;
        }
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Invalidations>, StoreError> {
        let options = WatchOptions::all().start(WatchStart::New).without_values();
        let watch = self.store.watch(options).await?;
        Ok(Box::new(Watched { watch, is_up: true, second_level: !self.writes }))
    }
}

struct Watched {
    watch: Box<dyn Watch>,
    is_up: bool,
    second_level: bool,
}

#[async_trait]
impl Invalidations for Watched {
    async fn next(&mut self) -> Result<Invalidation, StoreError> {
        loop {
            let Ok(event) = timeout(LOOK, self.watch.next()).await else {
                // The watch brings what it missed. Until then the values here may be old for as long as it is away.
                let is_up = self.watch.health().check().await.status == HealthStatus::Up;
                if std::mem::replace(&mut self.is_up, is_up) && !is_up {
                    return Ok(Invalidation::Interrupted);
                }
                continue;
            };
            match event? {
                WatchEvent::Changed(entry) => {
                    let revision = self.second_level.then_some(entry.revision);
                    if let Some(invalidation) = invalidated(&entry.key, revision) {
                        return Ok(invalidation);
                    }
                }
                WatchEvent::Reset => return Ok(Invalidation::Interrupted),
                WatchEvent::Current => {}
            }
        }
    }
}

impl fmt::Debug for KeyValueFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValueFeed").field("store", &self.store.name()).finish_non_exhaustive()
    }
}
