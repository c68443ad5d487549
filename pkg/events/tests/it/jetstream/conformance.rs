//! The JetStream backend against the behaviour suite, each behaviour on its own server, or, where `NATS_URL` is set, on
//! its own streams.

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
        Self(NatsServer::start().await)
    }

    async fn bus(&self) -> Arc<dyn Bus> {
        let mut settings = JetStreamSettings::new(self.0.url());
        settings.stream.name = self.0.unique("EVENTS");
        settings.stream.subject_prefix = self.0.unique("events");
        settings.dead_letters.stream = self.0.unique("DEAD");
        settings.dead_letters.subject_prefix = self.0.unique("dead");
        Arc::new(JetStream::connect(&settings, Arc::new(NoopLogger)).await.expect("connected"))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}

underpin_events::conformance_tests!(Nats);
