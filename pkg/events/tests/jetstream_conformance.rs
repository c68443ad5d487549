//! The JetStream backend against the behaviour suite, each behaviour on a server of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;

use async_trait::async_trait;
use underpin_events::conformance::{Bus, Capabilities, Harness};
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_logger::NoopLogger;
use underpin_testkit::NatsServer;

struct Nats(NatsServer);

#[async_trait]
impl Harness for Nats {
    async fn start() -> Self {
        Self(NatsServer::private().await)
    }

    async fn bus(&self) -> Arc<dyn Bus> {
        let settings = JetStreamSettings::new(self.0.url());
        Arc::new(JetStream::connect(&settings, Arc::new(NoopLogger)).await.expect("connected"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}

underpin_events::conformance_tests!(Nats);
