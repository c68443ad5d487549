use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_util::task::TaskTracker;
use underpin_errors::{Health, HealthCheck};
use underpin_store::{KeyValue, Ttl, WatchOptions};

use super::chunks::Chunks;
use super::inner::ObjectBucket;
use super::metadata;
use super::watch::BucketWatch;
use crate::{
    GetObject, ListObjects, ObjectBucketSettings, ObjectData, ObjectExpect, ObjectInfo, ObjectName,
    ObjectPage, ObjectReader, ObjectWatch, Objects, PutObject, StoreError, Swept, WatchObjects, meters,
    spans,
};

/// The objects of a bucket, in memory or in JetStream. Clones share it.
///
/// [`BucketObjects::memory`] is for tests and services of one process; its time is tokio's.
/// [`JetStreamObjects::bucket`](crate::JetStreamObjects::bucket) opens one that other clients of NATS read and write too.
///
/// # Examples
/// ```
/// use underpin_objects::{BucketObjects, GetObject, ObjectBucketSettings, ObjectExpect, ObjectName, Objects, PutObject};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_objects::StoreError> {
/// let files = BucketObjects::memory(ObjectBucketSettings::new("files"))?;
/// let name = ObjectName::new("reports/q4.pdf")?;
/// let options = PutObject::default().expect(ObjectExpect::Absent).content_type("application/pdf");
/// let stored = files.put(&name, "%PDF".into(), options.clone()).await?;
/// assert!(files.put(&name, "other".into(), options).await.unwrap_err().is_conflict());
/// let reader = files.get(&name, GetObject::default().range(1..4)).await?.unwrap();
/// assert_eq!(reader.read_all(1024).await?, "PDF");
/// assert!(files.delete(&name, ObjectExpect::Version(stored.version)).await?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct BucketObjects(Arc<ObjectBucket>);

impl BucketObjects {
    pub(crate) fn new(
        metadata: Arc<dyn KeyValue>,
        chunks: Arc<dyn Chunks>,
        settings: ObjectBucketSettings,
    ) -> Self {
        Self(Arc::new(ObjectBucket { metadata, chunks, settings, tasks: TaskTracker::new() }))
    }

    /// The settings that the bucket was opened with.
    pub fn settings(&self) -> &ObjectBucketSettings {
        &self.0.settings
    }

    /// Waits until the chunks of failed uploads are removed. Call it before the connection is closed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn close(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    async fn measured<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let bucket = self.0.settings.name.as_str();
        let mut span = spans::operation(bucket, operation);
        let began = Instant::now();
        let result = span.ctx().scope(work).await;
        meters::operation(bucket, operation, began, &result);
        spans::ended(&mut span, result.as_ref().err());
        result
    }
}

#[async_trait]
impl HealthCheck for BucketObjects {
    fn name(&self) -> &str {
        "objects"
    }

    async fn check(&self) -> Health {
        self.0.metadata.check().await
    }
}

#[async_trait]
impl Objects for BucketObjects {
    async fn put(
        &self,
        name: &ObjectName,
        data: ObjectData,
        options: PutObject,
    ) -> Result<ObjectInfo, StoreError> {
        self.measured("put", self.0.put(name, data, options)).await
    }

    async fn get(&self, name: &ObjectName, options: GetObject) -> Result<Option<ObjectReader>, StoreError> {
        self.measured("get", self.0.get(name, options)).await
    }

    async fn head(&self, name: &ObjectName) -> Result<Option<ObjectInfo>, StoreError> {
        let found = self.measured("head", self.0.visible(name)).await?;
        found.map(|current| current.info()).transpose()
    }

    async fn delete(&self, name: &ObjectName, expect: ObjectExpect) -> Result<bool, StoreError> {
        if expect == ObjectExpect::Absent {
            return Err(StoreError::option("expect", "must not be `Absent` for a deletion"));
        }
        let (inner, name) = (Arc::clone(&self.0), name.clone());
        let deleted = self.0.finished(async move {
            let found = inner.current(&name).await?;
            metadata::check(&expect, found.as_ref())?;
            let Some(current) = found.filter(|current| !current.metadata.deleted) else { return Ok(false) };
            let tombstone = current.metadata.clone().tombstone();
            inner.replace(&name, tombstone, &expect, Some(current), Ttl::Bucket).await.map(|_| true)
        });
        self.measured("delete", deleted).await
    }

    async fn list(&self, options: ListObjects) -> Result<ObjectPage, StoreError> {
        self.measured("list", self.0.list(options)).await
    }

    async fn watch(&self, options: WatchObjects) -> Result<Box<dyn ObjectWatch>, StoreError> {
        let watch = self.0.metadata.watch(WatchOptions::all().start(options.start)).await?;
        Ok(Box::new(BucketWatch::new(watch, options.prefix)))
    }

    async fn sweep(&self, older_than: Duration) -> Result<Swept, StoreError> {
        self.measured("sweep", self.0.sweep(older_than)).await
    }
}

impl fmt::Debug for BucketObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketObjects").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
