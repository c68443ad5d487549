//! Feeds of invalidations pass the suite.

use std::sync::Arc;

use async_trait::async_trait;
use underpin_store::conformance::InvalidationFeedHarness;
use underpin_store::{BucketSettings, InvalidationFeed, KeyValue, KeyValueFeed, MemoryKeyValue};
use underpin_testkit::{Fault, NatsServer, Proxy};

use crate::support::{connect, open};

mod in_memory {
    use super::{
        Arc, BucketSettings, InvalidationFeed, InvalidationFeedHarness, KeyValueFeed, MemoryKeyValue,
        async_trait,
    };

    struct Memory(MemoryKeyValue);

    #[async_trait]
    impl InvalidationFeedHarness for Memory {
        async fn start() -> Self {
            Self(MemoryKeyValue::new(BucketSettings::new("invalidations").key_ttl(true)).unwrap())
        }

        async fn feed(&self) -> Arc<dyn InvalidationFeed> {
            Arc::new(KeyValueFeed::new(Arc::new(self.0.clone())))
        }

        async fn interrupt(&self) -> bool {
            false
        }
    }

    underpin_store::invalidation_feed_tests!(Memory);
}

/// Each instance has a connection.
struct JetStream {
    proxy: Proxy,
    _server: NatsServer,
}

#[async_trait]
impl InvalidationFeedHarness for JetStream {
    async fn start() -> Self {
        let server = NatsServer::private().await;
        Self { proxy: Proxy::to(server.url()).await, _server: server }
    }

    async fn feed(&self) -> Arc<dyn InvalidationFeed> {
        let bucket = BucketSettings::new("invalidations").key_ttl(true);
        let bucket: Arc<dyn KeyValue> = Arc::new(open(&connect(self.proxy.url()).await, bucket).await);
        Arc::new(KeyValueFeed::new(bucket))
    }

    async fn interrupt(&self) -> bool {
        self.proxy.set(Fault::Cut);
        true
    }
}

underpin_store::invalidation_feed_tests!(JetStream);
