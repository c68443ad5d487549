//! Objects in the memory of this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::Instant;
use underpin_config::ByteSize;
use underpin_store::{Key, MemoryKeyValue, Revision};

use crate::bucket::{ChunkSource, ChunkUpload, Chunks, StoredChunks};
use crate::{BucketObjects, ObjectBucketSettings, StoreError};

/// Chunks in the memory of this process.
struct MemoryChunks {
    settings: ObjectBucketSettings,
    metadata: MemoryKeyValue,
    stored: Arc<Mutex<HashMap<String, Below>>>,
}

/// What is below one id.
struct Below {
    chunks: Vec<Bytes>,
    last: SystemTime,
    expires: Option<Instant>,
}

struct MemoryUpload {
    id: String,
    stored: Arc<Mutex<HashMap<String, Below>>>,
    expires: Option<Instant>,
    max_bytes: Option<u64>,
}

impl BucketObjects {
    /// An empty bucket in the memory of this process. `window`, `storage`, `compression` and `replicas` mean nothing here.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] for settings that no backend takes.
    pub fn memory(settings: ObjectBucketSettings) -> Result<Self, StoreError> {
        settings.check()?;
        let metadata = MemoryKeyValue::new(settings.metadata())?;
        let stored = Arc::default();
        let chunks = MemoryChunks { settings: settings.clone(), metadata: metadata.clone(), stored };
        Ok(Self::new(Arc::new(metadata), Arc::new(chunks), settings))
    }
}

/// The chunks that have not expired.
fn lock(stored: &Mutex<HashMap<String, Below>>) -> MutexGuard<'_, HashMap<String, Below>> {
    let now = Instant::now();
    let mut stored = stored.lock().unwrap_or_else(PoisonError::into_inner);
    stored.retain(|_, below| below.expires.is_none_or(|expires| expires > now));
    stored
}

#[async_trait]
impl Chunks for MemoryChunks {
    fn chunk_size(&self) -> usize {
        self.settings.chunk_size.as_usize()
    }

    async fn upload(&self, id: &str, ttl: Option<Duration>) -> Result<Box<dyn ChunkUpload>, StoreError> {
        Ok(Box::new(MemoryUpload {
            id: id.to_owned(),
            stored: Arc::clone(&self.stored),
            expires: ttl.map(|ttl| Instant::now() + ttl),
            max_bytes: self.settings.max_bytes.map(ByteSize::bytes),
        }))
    }

    fn download(&self, source: ChunkSource) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let stored = Arc::clone(&self.stored);
        stream::unfold(source.first, move |index| {
            let stored = lock(&stored);
            let chunks = stored.get(&source.id).map(|below| &below.chunks);
            let chunk = chunks.and_then(|chunks| chunks.get(usize::try_from(index).ok()?)).cloned();
            std::future::ready(chunk.map(|chunk| (Ok(chunk), index + 1)))
        })
        .boxed()
    }

    async fn remove(&self, id: &str) -> Result<(), StoreError> {
        lock(&self.stored).remove(id);
        Ok(())
    }

    async fn stored(&self) -> Result<(SystemTime, Vec<StoredChunks>), StoreError> {
        let stored = lock(&self.stored).keys().map(|id| StoredChunks { id: id.clone() }).collect();
        Ok((SystemTime::now(), stored))
    }

    async fn last_stored(&self, id: &str) -> Result<Option<SystemTime>, StoreError> {
        Ok(lock(&self.stored).get(id).map(|below| below.last))
    }

    async fn forget(&self, key: &Key, revision: Revision) -> Result<(), StoreError> {
        self.metadata.forget(key, revision).await
    }
}

#[async_trait]
impl ChunkUpload for MemoryUpload {
    async fn send(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        let mut stored = lock(&self.stored);
        if let Some(limit) = self.max_bytes {
            let chunks = stored.values().flat_map(|below| &below.chunks).chain([&chunk]);
            if chunks.map(Bytes::len).sum::<usize>() as u64 > limit {
                return Err(StoreError::Full);
            }
        }
        let empty = || Below { chunks: Vec::new(), last: SystemTime::now(), expires: self.expires };
        let below = stored.entry(self.id.clone()).or_insert_with(empty);
        below.last = SystemTime::now();
        below.chunks.push(chunk);
        Ok(())
    }

    async fn finish(&mut self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    async fn abandon(&mut self) {}
}

#[cfg(test)]
mod tests {
    use underpin_store::testing::{MockKeyValue, MockWatch};
    use underpin_store::{Entry, Expect, KeyValue, Ttl, WatchEvent};

    use super::*;
    use crate::Objects;
    use crate::bucket_settings::REMEMBERED;

    const TOMBSTONE: &str = r#"{"name":"a","bucket":"files","nuid":"n","deleted":true}"#;

    /// A bucket with the record of an object that was deleted so long ago.
    async fn with_tombstone(age: Duration) -> (BucketObjects, MemoryKeyValue) {
        let settings = ObjectBucketSettings::new("files");
        let (metadata, key) = (MemoryKeyValue::new(settings.metadata()).unwrap(), Key::new("YQ==").unwrap());
        let revision = metadata.put(&key, TOMBSTONE.into(), Expect::Anything, Ttl::Bucket).await.unwrap();
        let entry = Entry::new(key, TOMBSTONE.into(), revision, SystemTime::now() - age);
        let mut seen = MockKeyValue::new();
        seen.expect_watch().return_once(move |_| {
            let mut events = vec![WatchEvent::Current, WatchEvent::Changed(entry)];
            let mut watch = MockWatch::new();
            watch.expect_next().returning(move || Ok(events.pop().expect("an event")));
            Ok(Box::new(watch))
        });
        let chunks =
            MemoryChunks { settings: settings.clone(), metadata: metadata.clone(), stored: Arc::default() };
        (BucketObjects::new(Arc::new(seen), Arc::new(chunks), settings), metadata)
    }

    #[tokio::test]
    async fn a_record_of_a_deleted_object_stays_while_a_watch_may_need_it_and_then_leaves_nothing() {
        let minute = Duration::from_secs(60);
        let (objects, metadata) = with_tombstone(REMEMBERED - minute).await;
        assert_eq!(objects.sweep(minute).await.unwrap().tombstones, 0);
        assert_eq!(metadata.status().await.unwrap().entries, 1);
        let (objects, metadata) = with_tombstone(REMEMBERED + minute).await;
        assert_eq!(objects.sweep(minute).await.unwrap().tombstones, 1);
        assert_eq!(metadata.status().await.unwrap().entries, 0, "a marker is left");
    }
}
