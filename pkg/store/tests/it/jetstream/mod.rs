//! The JetStream backend passes the suite, and survives what servers and networks do.

mod clients;
mod cluster;
mod faults;
mod hazards;
mod interop;
mod old_server;
mod topology;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use underpin_nats::Connection;
use underpin_store::conformance::{KeyValueHarness, StoreCapabilities};
use underpin_store::{BucketSettings, KeyValue};
use underpin_testkit::NatsServer;

use crate::support::{connect, open};

struct JetStream {
    nats: Connection,
    _server: NatsServer,
}

#[async_trait]
impl KeyValueHarness for JetStream {
    async fn start() -> Self {
        let server = NatsServer::private().await;
        Self { nats: connect(server.url()).await, _server: server }
    }

    async fn bucket(&self, settings: BucketSettings) -> Arc<dyn KeyValue> {
        Arc::new(open(&self.nats, settings).await)
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities::default()
    }
}

underpin_store::key_value_tests!(JetStream);
