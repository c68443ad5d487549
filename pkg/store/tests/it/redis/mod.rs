//! The Redis backend passes the suites, refuses what it cannot do, and survives what servers and networks do.

mod cache;
mod faults;
mod limits;
mod refusals;
mod settings;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use underpin_logger::NoopLogger;
use underpin_store::conformance::{KeyValueHarness, StoreCapabilities};
use underpin_store::{
    BucketSettings, KeyValue, RedisConnection, RedisKeyValue, RedisSettings, RedisStore, StoreSettings,
};
use underpin_testkit::ValkeyServer;

/// A connection with short limits, so that a fault is over soon.
async fn connect(url: &str) -> RedisConnection {
    let settings = RedisSettings::new(url)
        .connect_timeout(Duration::from_secs(5))
        .request_timeout(Duration::from_secs(5));
    RedisConnection::connect(&settings, Arc::new(NoopLogger)).await.expect("connected")
}

async fn open(connection: &RedisConnection, bucket: BucketSettings) -> RedisKeyValue {
    let (name, settings) = (bucket.name.clone(), StoreSettings::default().bucket(bucket));
    let store = RedisStore::open(connection.clone(), &settings).await.expect("opened");
    store.key_value(&name).expect("a bucket")
}

/// A private server with a bucket on it.
async fn private(bucket: BucketSettings) -> (ValkeyServer, RedisKeyValue) {
    let server = ValkeyServer::private().await;
    let store = open(&connect(server.url()).await, bucket).await;
    (server, store)
}

struct Redis {
    connection: RedisConnection,
    _server: ValkeyServer,
}

#[async_trait]
impl KeyValueHarness for Redis {
    async fn start() -> Self {
        let server = ValkeyServer::private().await;
        Self { connection: connect(server.url()).await, _server: server }
    }

    async fn bucket(&self, settings: BucketSettings) -> Arc<dyn KeyValue> {
        Arc::new(open(&self.connection, settings).await)
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities::default().without_history().without_watch()
    }
}

underpin_store::key_value_tests!(Redis);
