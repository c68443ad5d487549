use std::sync::Arc;

use async_trait::async_trait;
use underpin_rpc::conformance::{Harness, Rpc};
use underpin_testkit::NatsServer;

use crate::support::connect;

/// A private server for each test: discovery counts what is on it.
struct Nats(NatsServer);

#[async_trait]
impl Harness for Nats {
    async fn start() -> Self {
        Self(NatsServer::private().await)
    }

    async fn rpc(&self) -> Arc<dyn Rpc> {
        Arc::new(connect(self.0.url()).await)
    }
}

underpin_rpc::conformance_tests!(Nats);
