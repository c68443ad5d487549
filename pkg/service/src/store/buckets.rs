use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::{Error, Health, HealthCheck, HealthStatus};
use underpin_store::{JetStreamStore, KeyValue, MemoryKeyValue, StoreError};

use crate::{Component, Deadline, Stopped};

/// The buckets of a service: in JetStream, or in memory with a journal each. Clones share them.
///
/// [`Store::open`] opens it; the result goes to [`Start::plugin`](crate::Start::plugin). While its server is down the service is degraded and
/// ready.
///
/// # Examples
/// ```
/// use underpin_service::testing::TestService;
/// use underpin_service::{Ended, Nats, Store};
/// use underpin_store::{BucketSettings, KeyValueExt as _, Storage, StoreSettings};
///
/// # #[tokio::main] async fn main() {
/// let opened = std::sync::OnceLock::new();
/// let ended = TestService::new(StoreSettings::default().bucket(BucketSettings::new("carts").storage(Storage::Memory)))
///     .run(
///         async |start| {
///             let settings = start.settings();
///             let store = start.plugin(Store::open(&Nats::default(), &settings)).await?; // or &bus.nats()
///             opened.set(store.key_value("carts")?).ok();
///             Ok(())
///         },
///         async |_| {
///             opened.get().unwrap().set("tenant-7.cart", "tea").await.unwrap();
///         },
///     )
///     .await;
/// assert!(matches!(ended, Ended::Clean { .. }));
/// # }
/// ```
#[derive(Clone)]
pub struct Store(Arc<Buckets>);

pub(super) enum Buckets {
    JetStream(JetStreamStore, Vec<String>),
    Memory(BTreeMap<String, MemoryKeyValue>),
}

impl Store {
    pub(super) fn new(backend: Buckets) -> Self {
        Self(Arc::new(backend))
    }

    /// A bucket of the settings.
    ///
    /// # Errors
    /// The settings do not name it.
    pub fn key_value(&self, bucket: &str) -> Result<Arc<dyn KeyValue>, Error> {
        match &*self.0 {
            Buckets::JetStream(store, _) => Ok(Arc::new(store.key_value(bucket)?)),
            Buckets::Memory(buckets) => match buckets.get(bucket) {
                Some(found) => Ok(Arc::new(found.clone())),
                None => Err(StoreError::NoBucket { bucket: bucket.to_owned() }.into()),
            },
        }
    }

    /// The store in JetStream, if it is one.
    pub fn jetstream(&self) -> Option<&JetStreamStore> {
        match &*self.0 {
            Buckets::JetStream(store, _) => Some(store),
            Buckets::Memory(_) => None,
        }
    }

    /// Whether its entries are in this process: no other one sees them.
    pub fn is_embedded(&self) -> bool {
        self.jetstream().is_none()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let backend = if self.is_embedded() { "memory" } else { "jetstream" };
        f.debug_struct("Store").field("backend", &backend).finish_non_exhaustive()
    }
}

/// Journals are written to the disk when it stops; a connection is closed by its own component.
#[async_trait]
impl Component for Store {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "store"
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        let Buckets::Memory(buckets) = &*self.0 else { return Stopped::Clean };
        for (name, bucket) in buckets {
            match deadline.run(bucket.flush()).await {
                Some(Ok(())) => {}
                Some(Err(error)) => return Stopped::cut(format!("the journal of {name}: {error}")),
                None => return Stopped::cut(format!("the journal of {name}")),
            }
        }
        Stopped::Clean
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        Some(Arc::new(BucketsHealth(self.clone())))
    }

    fn is_required(&self) -> bool {
        false
    }
}

/// The health of the bucket that is worst.
struct BucketsHealth(Store);

#[async_trait]
impl HealthCheck for BucketsHealth {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "store"
    }

    async fn check(&self) -> Health {
        let names: Vec<&String> = match &*self.0.0 {
            Buckets::JetStream(_, names) => names.iter().collect(),
            Buckets::Memory(buckets) => buckets.keys().collect(),
        };
        let mut worst = Health::up();
        for name in names {
            let Ok(bucket) = self.0.key_value(name) else { continue };
            let health = bucket.check().await;
            if worst.status == HealthStatus::Up || health.status == HealthStatus::Down {
                worst = health;
            }
        }
        worst
    }
}
