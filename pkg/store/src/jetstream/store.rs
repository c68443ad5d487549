use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};
use underpin_errors::{Health, HealthCheck, Report};
use underpin_logger::{Context, Logger, info, warn};
use underpin_nats::Connection;

use super::api::{Api, ApiError, unanswered};
use super::key_value::JetStreamKeyValue;
use super::objects;
use super::plan::{BucketChange, StorePlan};
use super::stream::{self, StreamInfo};
use crate::{BucketObjects, ObjectBucketSettings, StoreError, StoreSettings, StoreTopology};

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
    api: Api,
    settings: Arc<StoreSettings>,
    log: Arc<dyn Logger>,
}

impl JetStreamStore {
    /// The store over a connection, which may be shared. Nothing is sent.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`].
    pub fn new(
        connection: Connection,
        settings: &StoreSettings,
        log: Arc<dyn Logger>,
    ) -> Result<Self, StoreError> {
        settings.check()?;
        Ok(Self { api: Api { connection }, settings: Arc::new(settings.clone()), log })
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
        Ok(JetStreamKeyValue::new(self.api.clone(), self.settings.declared(name)?.clone()))
    }

    /// An object bucket of the settings.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] when the settings do not name it.
    pub fn objects(&self, name: &str) -> Result<BucketObjects, StoreError> {
        let declared = self.settings.objects.iter().find(|bucket| bucket.name == name);
        let bucket = declared.ok_or_else(|| {
            StoreError::option(format!("objects.{name}"), "is missing: add the bucket to the settings")
        })?;
        Ok(objects::open(self.api.clone(), bucket.clone()))
    }

    /// The connection below.
    pub fn connection(&self) -> &Connection {
        &self.api.connection
    }

    /// Compares the buckets with the settings. It changes nothing.
    ///
    /// # Errors
    /// [`StoreError::ServerTooOld`] when objects or entries may have a time to live and the server is older than 2.11, and those of the connection.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn plan(&self) -> Result<StorePlan, StoreError> {
        self.require_key_ttl().await?;
        let mut plan = StorePlan::default();
        for Declared { bucket, stream, config } in self.declared() {
            match self.info(&bucket, &stream).await? {
                None => plan.changes.push(BucketChange::Create { bucket }),
                Some(info) => {
                    let differences = stream::differences(&config, &info.config);
                    if !differences.is_empty() {
                        plan.changes.push(BucketChange::Update { bucket, differences });
                    }
                }
            }
        }
        Ok(plan)
    }

    /// Creates the buckets that are missing, changes those that differ, and compares again. Returns what it changed.
    ///
    /// # Errors
    /// [`StoreError::Drift`] when the server did not take a change, [`StoreError::Backend`] when it refused one (the storage of a
    /// bucket, for example, never changes), and those of [`plan`](Self::plan).
    ///
    /// # Cancel safety
    /// Some changes may have been made.
    pub async fn apply(&self) -> Result<StorePlan, StoreError> {
        let plan = self.plan().await?;
        let ctx = Context::background();
        for change in &plan.changes {
            let (BucketChange::Create { bucket: name } | BucketChange::Update { bucket: name, .. }) = change;
            let Some(declared) = self.declared().into_iter().find(|declared| declared.bucket == *name) else {
                continue;
            };
            match change {
                BucketChange::Create { .. } => {
                    self.write("CREATE", declared).await?;
                    info!(self.log, &ctx, "created a bucket", bucket = name);
                }
                BucketChange::Update { .. } => {
                    warn!(
                        self.log,
                        &ctx,
                        "changing a bucket that differs",
                        bucket = name,
                        drift = plan.to_string()
                    );
                    let found = self.info(name, &declared.stream).await?;
                    let mut config = found.map(|info| info.config).unwrap_or_default();
                    config.extend(declared.config);
                    self.write("UPDATE", Declared { config, ..declared }).await?;
                }
            }
        }
        if !plan.is_empty() {
            self.verify().await?;
        }
        Ok(plan)
    }

    /// Compares the buckets with the settings.
    ///
    /// # Errors
    /// [`StoreError::Drift`] lists each difference, and those of [`plan`](Self::plan).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn verify(&self) -> Result<(), StoreError> {
        let plan = self.plan().await?;
        if plan.is_empty() { Ok(()) } else { Err(StoreError::Drift { differences: plan.sentences() }) }
    }

    async fn require_key_ttl(&self) -> Result<(), StoreError> {
        let key_ttl = self.settings.buckets.iter().any(|bucket| bucket.key_ttl);
        if !key_ttl && !self.settings.objects.iter().any(ObjectBucketSettings::expires) {
            return Ok(());
        }
        let level = self.api.connection.api_level(None).await;
        match level.map_err(|error| unanswered("read API level", error))? {
            0 => Err(StoreError::ServerTooOld { feature: "key_ttl", required: "nats-server 2.11" }),
            _ => Ok(()),
        }
    }

    /// The buckets of the settings, as streams.
    fn declared(&self) -> Vec<Declared> {
        let StoreSettings { buckets, objects, .. } = &*self.settings;
        let key_value = buckets.iter().map(|bucket| Declared {
            bucket: bucket.name.clone(),
            stream: stream::name(&bucket.name),
            config: stream::declared(bucket),
        });
        let objects = objects.iter().map(|bucket| Declared {
            bucket: bucket.name.clone(),
            stream: objects::stream::name(&bucket.name),
            config: objects::stream::declared(bucket),
        });
        key_value.chain(objects).collect()
    }

    async fn info(&self, bucket: &str, stream: &str) -> Result<Option<StreamInfo>, StoreError> {
        let call = format!("STREAM.INFO.{stream}");
        match self.api.call("read bucket", &call, &Value::Null).await? {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.err_code == ApiError::NO_STREAM => Ok(None),
            Err(error) => Err(error.into_store("read bucket", bucket, 0)),
        }
    }

    async fn write(&self, action: &str, declared: Declared) -> Result<(), StoreError> {
        let Declared { bucket, stream, config } = declared;
        let call = format!("STREAM.{action}.{stream}");
        let written: Result<Value, ApiError> =
            self.api.call("write bucket", &call, &Value::Object(config)).await?;
        written.map(drop).map_err(|error| error.into_store("write bucket", &bucket, 0))
    }
}

/// A bucket of the settings.
struct Declared {
    bucket: String,
    stream: String,
    config: Map<String, Value>,
}

#[async_trait]
impl HealthCheck for JetStreamStore {
    fn name(&self) -> &str {
        "store"
    }

    /// Down while the server does not answer, or a bucket is missing.
    async fn check(&self) -> Health {
        let declared = self.declared();
        for Declared { bucket, stream, .. } in &declared {
            match self.info(bucket, stream).await {
                Ok(Some(_)) => {}
                Ok(None) => return Health::down(format!("bucket {bucket} is missing")),
                Err(error) => return Health::down(Report(&error).to_string()),
            }
        }
        Health::up().detail("buckets", declared.len())
    }
}

impl std::fmt::Debug for JetStreamStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JetStreamStore").field("settings", &self.settings).finish_non_exhaustive()
    }
}
