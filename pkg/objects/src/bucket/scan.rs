//! Lists and sweeps: what reads the metadata of the whole bucket.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime};

use tokio::time::timeout;
use underpin_store::{WatchEvent, WatchOptions};

use super::inner::ObjectBucket;
use super::metadata::Current;
use crate::bucket_settings::REMEMBERED;
use crate::{ListObjects, ObjectPage, StoreError, Swept};

/// After which silence a scan ends: above that of a watch which goes on.
const SILENCE: Duration = Duration::from_secs(20);

impl ObjectBucket {
    /// Visits the metadata of every object, deleted ones too.
    async fn scan(&self, mut visit: impl FnMut(Current) + Send) -> Result<(), StoreError> {
        let mut watch = self.metadata.watch(WatchOptions::all().without_removals()).await?;
        let silent = |_| StoreError::Timeout { operation: "list objects", within: SILENCE };
        loop {
            match timeout(SILENCE, watch.next()).await.map_err(silent)?? {
                WatchEvent::Changed(entry) => {
                    if let Some(current) = Current::read(entry)? {
                        visit(current);
                    }
                }
                WatchEvent::Current => return Ok(()),
                // After a reset the state follows.
                _ => {}
            }
        }
    }

    pub(super) async fn list(&self, options: ListObjects) -> Result<ObjectPage, StoreError> {
        let ListObjects { prefix, after, limit } = options;
        let (limit, after) = (limit.max(1), after.map(|name| name.as_str().to_owned()));
        let (mut found, mut more) = (BTreeMap::new(), false);
        self.scan(|current| {
            let name = current.metadata.name.clone();
            // What was deleted during the scan is delivered a second time.
            found.remove(&name);
            let wanted = name.starts_with(&prefix) && after.as_ref().is_none_or(|after| name > *after);
            if wanted && !current.metadata.deleted {
                found.insert(name, current);
            }
            if found.len() > limit {
                more = true;
                found.pop_last();
            }
        })
        .await?;
        // An object whose name is none of ours is passed over.
        let objects: Vec<_> = found.into_values().filter_map(|current| current.info().ok()).collect();
        let next = objects.last().filter(|_| more).map(|info| info.name.clone());
        Ok(ObjectPage::new(objects, next))
    }

    pub(super) async fn sweep(&self, older_than: Duration) -> Result<Swept, StoreError> {
        // Before the metadata: an upload that becomes an object meanwhile is seen in it.
        let (now, stored) = self.chunks.stored().await?;
        let age = |written: SystemTime| now.duration_since(written).unwrap_or_default();
        let (mut live, mut tombstones) = (HashSet::new(), Vec::new());
        self.scan(|Current { entry, metadata }| {
            if !metadata.deleted {
                live.insert(metadata.nuid);
            } else if age(entry.written) >= older_than.max(REMEMBERED) {
                tombstones.push((entry.key, entry.revision));
            }
        })
        .await?;
        let mut swept = Swept::default();
        for chunks in stored.into_iter().filter(|chunks| !live.contains(&chunks.id)) {
            if self.chunks.last_stored(&chunks.id).await?.is_some_and(|written| age(written) >= older_than) {
                self.chunks.remove(&chunks.id).await?;
                swept.orphans += 1;
            }
        }
        for (key, revision) in tombstones {
            self.chunks.forget(&key, revision).await?;
            swept.tombstones += 1;
        }
        Ok(swept)
    }
}
