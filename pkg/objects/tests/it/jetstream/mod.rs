mod clients;
mod faults;
mod interop;
mod topology;

use std::sync::Arc;

use async_trait::async_trait;
use underpin_nats::Connection;
use underpin_objects::conformance::{ObjectCapabilities, ObjectsHarness};
use underpin_objects::{ObjectBucketSettings, Objects};
use underpin_testkit::NatsServer;

use crate::support::{connect, open_objects};

struct JetStream {
    nats: Connection,
    _server: NatsServer,
}

#[async_trait]
impl ObjectsHarness for JetStream {
    async fn start() -> Self {
        let server = NatsServer::private().await;
        Self { nats: connect(server.url()).await, _server: server }
    }

    async fn bucket(&self, settings: ObjectBucketSettings) -> Arc<dyn Objects> {
        Arc::new(open_objects(&self.nats, settings).await)
    }

    fn capabilities(&self) -> ObjectCapabilities {
        ObjectCapabilities::default()
    }
}

underpin_objects::objects_tests!(JetStream);
