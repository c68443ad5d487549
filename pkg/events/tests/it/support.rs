//! What the JetStream tests share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{Backoff, Event, EventHandler, Outcome, SubscribeOptions, handler_fn};
use underpin_logger::NoopLogger;
use underpin_testkit::NatsServer;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Settings with short limits, so that a fault is over soon.
pub(crate) fn settings(server: &NatsServer) -> JetStreamSettings {
    let mut settings = JetStreamSettings::new(server.url());
    settings.connect_timeout = Duration::from_secs(5);
    settings.request_timeout = Duration::from_secs(2);
    settings.publish.backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
    settings.reconnect = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));
    settings
}

pub(crate) async fn connect(settings: &JetStreamSettings) -> JetStream {
    JetStream::connect(settings, Arc::new(NoopLogger)).await.expect("connected")
}

pub(crate) fn event(n: usize) -> Event {
    Event::builder("order.placed", "/faults").id(format!("e-{n}")).json(&n).build().expect("a valid event")
}

pub(crate) fn options(name: &str) -> SubscribeOptions {
    SubscribeOptions::new(name)
        .ack_wait(Duration::from_secs(2))
        .backoff(Backoff::new(Duration::from_millis(50), Duration::from_millis(500)))
}

/// Counts how often each event id was handled.
#[derive(Clone, Default)]
pub(crate) struct HandlerCounts(Arc<Mutex<BTreeMap<String, usize>>>);

impl HandlerCounts {
    pub(crate) fn handler(&self) -> Arc<dyn EventHandler> {
        let counts = self.clone();
        handler_fn(move |delivery| {
            counts.add(delivery.event().id());
            async { Outcome::ack() }
        })
    }

    pub(crate) fn add(&self, id: &str) {
        *self.0.lock().unwrap().entry(id.to_owned()).or_default() += 1;
    }

    pub(crate) fn distinct(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn total(&self) -> usize {
        self.0.lock().unwrap().values().sum()
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.lock().unwrap().contains_key(id)
    }

    pub(crate) fn missing<'a>(&self, ids: impl IntoIterator<Item = &'a String>) -> Vec<String> {
        let seen = self.0.lock().unwrap();
        ids.into_iter().filter(|id| !seen.contains_key(*id)).cloned().collect()
    }
}

pub(crate) use underpin_events::conformance::{eventually, within};
