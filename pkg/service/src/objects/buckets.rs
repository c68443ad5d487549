use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::{Error, Health, HealthCheck, HealthStatus};
use underpin_objects::{BucketObjects, ExternalObjects, JetStreamObjects, Objects, StoreError};

use crate::{Component, Deadline, Stopped};

/// The object buckets of a service: in JetStream, in folders, or in memory. Clones share them.
///
/// [`ObjectStore::open`] opens it; the result goes to [`Start::plugin`](crate::Start::plugin). While its server is down the service is
/// degraded and ready.
///
/// # Examples
/// ```
/// use underpin_objects::{ObjectBucketSettings, ObjectsExt as _, ObjectsSettings, Storage};
/// use underpin_service::testing::TestService;
/// use underpin_service::{Ended, Nats, ObjectStore};
///
/// # #[tokio::main] async fn main() {
/// let opened = std::sync::OnceLock::new();
/// let files = ObjectBucketSettings::new("files").storage(Storage::Memory);
/// let ended = TestService::new(ObjectsSettings::default().bucket(files))
///     .run(
///         async |start| {
///             let settings = start.settings();
///             let store = start.plugin(ObjectStore::open(&Nats::default(), &settings)).await?; // or &bus.nats()
///             opened.set(store.objects("files")?).ok();
///             Ok(())
///         },
///         async |_| {
///             opened.get().unwrap().put_bytes("a.txt", "hello").await.unwrap();
///         },
///     )
///     .await;
/// assert!(matches!(ended, Ended::Clean { .. }));
/// # }
/// ```
#[derive(Clone)]
pub struct ObjectStore {
    jetstream: Option<JetStreamObjects>,
    buckets: Arc<BTreeMap<String, OpenedBucket>>,
}

pub(super) enum OpenedBucket {
    /// In JetStream or in memory.
    Bucket(BucketObjects),
    Folder(ExternalObjects),
}

impl OpenedBucket {
    fn objects(&self) -> Arc<dyn Objects> {
        match self {
            Self::Bucket(bucket) => Arc::new(bucket.clone()),
            Self::Folder(folder) => Arc::new(folder.clone()),
        }
    }
}

impl ObjectStore {
    pub(super) fn new(jetstream: Option<JetStreamObjects>, buckets: BTreeMap<String, OpenedBucket>) -> Self {
        Self { jetstream, buckets: Arc::new(buckets) }
    }

    /// A bucket of the settings.
    ///
    /// # Errors
    /// The settings do not name it.
    pub fn objects(&self, bucket: &str) -> Result<Arc<dyn Objects>, Error> {
        match self.buckets.get(bucket) {
            Some(found) => Ok(found.objects()),
            None => Err(StoreError::NoBucket { bucket: bucket.to_owned() }.into()),
        }
    }

    /// The buckets in JetStream, if they are there.
    pub fn jetstream(&self) -> Option<&JetStreamObjects> {
        self.jetstream.as_ref()
    }

    /// Whether its objects are on this machine: no other one sees them.
    pub fn is_embedded(&self) -> bool {
        self.jetstream.is_none()
    }
}

impl std::fmt::Debug for ObjectStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let backend = if self.is_embedded() { "embedded" } else { "jetstream" };
        f.debug_struct("ObjectStore").field("backend", &backend).finish_non_exhaustive()
    }
}

/// When it stops, the data of failed uploads is removed; a connection is closed by its own component.
#[async_trait]
impl Component for ObjectStore {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "objects"
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        for (name, bucket) in &*self.buckets {
            let closed = match bucket {
                OpenedBucket::Bucket(bucket) => deadline.run(bucket.close()).await,
                OpenedBucket::Folder(folder) => deadline.run(folder.close()).await,
            };
            if closed.is_none() {
                return Stopped::cut(format!("the removal of failed uploads to {name}"));
            }
        }
        Stopped::Clean
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        Some(Arc::new(ObjectsHealth(self.clone())))
    }

    fn is_required(&self) -> bool {
        false
    }
}

/// The health of the bucket that is worst.
struct ObjectsHealth(ObjectStore);

#[async_trait]
impl HealthCheck for ObjectsHealth {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "objects"
    }

    async fn check(&self) -> Health {
        let mut worst = Health::up();
        for bucket in self.0.buckets.values() {
            let health = bucket.objects().check().await;
            if worst.status == HealthStatus::Up || health.status == HealthStatus::Down {
                worst = health;
            }
        }
        worst
    }
}
