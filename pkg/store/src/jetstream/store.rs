use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::{Health, HealthCheck};
use underpin_logger::Logger;
use underpin_nats::Connection;
use underpin_nats::jetstream::{BucketPlan, Buckets, JetStreamApi};

use super::key_value::JetStreamKeyValue;
use super::stream;
use crate::{StoreError, StoreSettings, StoreTopology};

/// The buckets of a service in JetStream.
///
/// # Examples
/// ```no_run
/// use std::sync::Arc;
/// use underpin_logger::NoopLogger;
/// use underpin_nats::{Connection, NatsSettings};
/// use underpin_store::{BucketSettings, JetStreamStore, KeyValueExt, StoreSettings};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let nats = Connection::connect(&NatsSettings::new("nats://127.0.0.1:4222"), Arc::new(NoopLogger)).await?;
/// let settings = StoreSettings::default().bucket(BucketSettings::new("carts"));
/// let store = JetStreamStore::open(nats, &settings, Arc::new(NoopLogger)).await?;
/// let carts = store.key_value("carts")?;
/// carts.set("tenant-7.cart", "tea").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct JetStreamStore {
    buckets: Buckets,
    settings: Arc<StoreSettings>,
}

impl JetStreamStore {
    /// The store over a connection, which may be shared. Sends no request.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`].
    pub fn new(
        connection: Connection,
        settings: &StoreSettings,
        log: Arc<dyn Logger>,
    ) -> Result<Self, StoreError> {
        settings.check()?;
        let declared = settings.buckets.iter().map(stream::declared);
        let buckets = Buckets::new(JetStreamApi::new(connection), declared, log);
        Ok(Self { buckets, settings: Arc::new(settings.clone()) })
    }

    /// The store with its buckets applied or verified, as the settings say.
    ///
    /// Idempotency: opening again changes nothing.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), [`apply`](Self::apply) and [`verify`](Self::verify).
    ///
    /// # Cancel safety
    /// Buckets may have been created or changed.
    pub async fn open(
        connection: Connection,
        settings: &StoreSettings,
        log: Arc<dyn Logger>,
    ) -> Result<Self, StoreError> {
        let store = Self::new(connection, settings, log)?;
        match settings.topology {
            StoreTopology::Apply => drop(store.apply().await?),
            StoreTopology::Verify => store.verify().await?,
        }
        Ok(store)
    }

    /// A bucket of the settings.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] when the settings do not name it.
    pub fn key_value(&self, name: &str) -> Result<JetStreamKeyValue, StoreError> {
        Ok(JetStreamKeyValue::new(self.buckets.api().clone(), self.settings.declared(name)?.clone()))
    }

    /// The connection below.
    pub fn connection(&self) -> &Connection {
        self.buckets.api().connection()
    }

    /// Compares the buckets with the settings. It changes nothing.
    ///
    /// # Errors
    /// [`StoreError::ServerTooOld`] when entries may have a time to live and the server is older than 2.11, and those of the connection.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn plan(&self) -> Result<BucketPlan, StoreError> {
        Ok(self.buckets.plan().await?)
    }

    /// Creates the buckets that are missing, changes those that differ, and compares again. Returns what it changed.
    ///
    /// # Errors
    /// [`StoreError::Drift`] when the server did not take a change, [`StoreError::Backend`] when it refused one (the storage of a
    /// bucket, for example, never changes), and those of [`plan`](Self::plan).
    ///
    /// # Cancel safety
    /// Some changes may have been made.
    pub async fn apply(&self) -> Result<BucketPlan, StoreError> {
        Ok(self.buckets.apply().await?)
    }

    /// Compares the buckets with the settings.
    ///
    /// # Errors
    /// [`StoreError::Drift`] lists each difference, and those of [`plan`](Self::plan).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn verify(&self) -> Result<(), StoreError> {
        Ok(self.buckets.verify().await?)
    }
}

#[async_trait]
impl HealthCheck for JetStreamStore {
    fn name(&self) -> &str {
        "store"
    }

    /// Down while the server does not answer, or a bucket is missing.
    async fn check(&self) -> Health {
        self.buckets.health().await
    }
}

impl std::fmt::Debug for JetStreamStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JetStreamStore").field("settings", &self.settings).finish_non_exhaustive()
    }
}
