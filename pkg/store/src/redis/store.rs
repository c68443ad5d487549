use std::sync::Arc;

use super::connection::RedisConnection;
use super::key_value::RedisKeyValue;
use crate::{BucketSettings, Storage, StoreError, StoreSettings};

/// The buckets of a service in Redis or Valkey.
///
/// | a bucket | in Redis |
/// |---|---|
/// | `history` above 1, `replicas` above 1, `max_bytes` | refused |
/// | `storage = "file"` | needs a server with `appendonly yes` and `maxmemory-policy noeviction`, else refused |
/// | `storage = "memory"` | entries may be lost with the server, and evicted as it is configured |
/// | a time to live, `ttl` and `key_ttl` | as in JetStream, but no watch hears of an expiry |
/// | removals | remembered for `marker_ttl` in every bucket |
/// | [`watch`](crate::KeyValue::watch) | refused |
/// | [`keys`](crate::KeyValue::keys), [`status`](crate::KeyValue::status) | go over all keys of the server |
///
/// A server that fails over may lose writes that it acknowledged, since its replication does not wait.
///
/// # Examples
/// ```no_run
/// use std::sync::Arc;
/// use underpin_logger::NoopLogger;
/// use underpin_store::{
///     BucketSettings, KeyValueExt, RedisConnection, RedisSettings, RedisStore, Storage, StoreSettings,
/// };
///
/// # async fn example() -> Result<(), underpin_store::StoreError> {
/// let settings = RedisSettings::new("redis://127.0.0.1:6379");
/// let connection = RedisConnection::connect(&settings, Arc::new(NoopLogger)).await?;
/// let buckets = StoreSettings::default().bucket(BucketSettings::new("carts").storage(Storage::Memory));
/// let store = RedisStore::open(connection, &buckets).await?;
/// store.key_value("carts")?.set("tenant-7.cart", "tea").await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RedisStore {
    connection: RedisConnection,
    settings: Arc<StoreSettings>,
}

impl RedisStore {
    /// The store over a connection, which may be shared. A bucket needs no creation; the server is asked whether it can keep them.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] names what a bucket asks for and this server or any does not do, and those of the connection.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn open(connection: RedisConnection, settings: &StoreSettings) -> Result<Self, StoreError> {
        settings.check()?;
        for bucket in &settings.buckets {
            check(bucket)?;
        }
        if let Some(bucket) = settings.buckets.iter().find(|bucket| bucket.storage == Storage::File) {
            let server = connection.server_info().await?;
            ensure(bucket, server.keeps_writes, "storage", "needs a server with `appendonly yes`")?;
            ensure(
                bucket,
                server.keeps_entries,
                "storage",
                "needs a server with `maxmemory-policy noeviction`",
            )?;
        }
        Ok(Self { connection, settings: Arc::new(settings.clone()) })
    }

    /// A bucket of the settings.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] when the settings do not name it.
    pub fn key_value(&self, name: &str) -> Result<RedisKeyValue, StoreError> {
        Ok(RedisKeyValue::new(self.connection.clone(), self.settings.declared(name)?.clone()))
    }

    /// The connection below.
    pub fn connection(&self) -> &RedisConnection {
        &self.connection
    }
}

fn check(bucket: &BucketSettings) -> Result<(), StoreError> {
    ensure(bucket, bucket.history == 1, "history", "must be 1: Redis keeps the last write of a key")?;
    ensure(
        bucket,
        bucket.replicas == 1,
        "replicas",
        "must be 1: the server's configuration says where copies are",
    )?;
    ensure(
        bucket,
        bucket.max_bytes.is_none(),
        "max_bytes",
        "must be absent: Redis limits its memory as a whole",
    )
}

fn ensure(
    bucket: &BucketSettings,
    holds: bool,
    option: &str,
    problem: &'static str,
) -> Result<(), StoreError> {
    match holds {
        true => Ok(()),
        false => Err(StoreError::option(format!("buckets.{}.{option}", bucket.name), problem)),
    }
}
