use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::HealthCheck;
#[cfg(feature = "jetstream")]
use underpin_events::jetstream::JetStream;
use underpin_events::memory::MemoryBus;
use underpin_events::{DeadLetterQueue, EventPublisher, EventSubscriber};

use super::backlog::Backlog;
use crate::{Component, Deadline, Stopped};

/// The event bus of a service: NATS JetStream, or memory with a journal. Clones share it.
///
/// [`Bus::open`] and [`Bus::embedded`] open it; the result goes to [`Start::plugin`](crate::Start::plugin). While its server is down the service
/// is degraded and ready: events wait in the outbox.
///
/// # Examples
/// ```
/// use underpin_database::DatabaseSettings;
/// use underpin_events::{Event, Outcome, SubscribeOptions, handler_fn};
/// use underpin_service::testing::TestService;
/// use underpin_service::{Bus, Ended};
///
/// # #[tokio::main] async fn main() {
/// let (seen, mut events) = tokio::sync::mpsc::unbounded_channel();
/// let publisher = std::sync::OnceLock::new();
/// let ended = TestService::new(DatabaseSettings::new("sqlite::memory:"))
///     .run(
///         async |start| {
///             let settings = start.settings();
///             start.plugin(underpin_service::database(&settings)).await?;
///             let bus = start.plugin(Bus::embedded()).await?;
///             let reader = handler_fn(move |delivery| {
///                 seen.send(delivery.into_event()).ok();
///                 async { Outcome::ack() }
///             });
///             start.traffic(bus.consumer(SubscribeOptions::new("reader").types(["order.>"]), reader));
///             publisher.set(bus.publisher()).ok();
///             Ok(())
///         },
///         async |_| {
///             let event = Event::builder("order.placed", "/orders").subject("42").build().unwrap();
///             publisher.get().unwrap().publish(event).await.unwrap();
///             assert_eq!(events.recv().await.unwrap().subject(), Some("42"));
///         },
///     )
///     .await;
/// assert!(matches!(ended, Ended::Clean { .. }));
/// # }
/// ```
#[derive(Clone)]
pub struct Bus(Arc<Shared>);

struct Shared {
    backend: Backend,
    backlog: Backlog,
}

/// What is behind the bus.
pub(super) enum Backend {
    Memory(MemoryBus),
    #[cfg(feature = "jetstream")]
    JetStream(JetStream),
}

impl Bus {
    pub(super) fn new(backend: Backend) -> Self {
        Self(Arc::new(Shared { backend, backlog: Backlog::default() }))
    }

    /// Publishes events. A service that changes its database publishes through the outbox instead.
    pub fn publisher(&self) -> Arc<dyn EventPublisher> {
        match &self.0.backend {
            Backend::Memory(bus) => Arc::new(bus.clone()),
            #[cfg(feature = "jetstream")]
            Backend::JetStream(bus) => Arc::new(bus.clone()),
        }
    }

    /// Subscribes to events, for what [`consumer`](Self::consumer) does not cover.
    pub fn subscriber(&self) -> Arc<dyn EventSubscriber> {
        match &self.0.backend {
            Backend::Memory(bus) => Arc::new(bus.clone()),
            #[cfg(feature = "jetstream")]
            Backend::JetStream(bus) => Arc::new(bus.clone()),
        }
    }

    /// The events that consumers gave up.
    pub fn dead_letters(&self) -> Arc<dyn DeadLetterQueue> {
        match &self.0.backend {
            Backend::Memory(bus) => Arc::new(bus.clone()),
            #[cfg(feature = "jetstream")]
            Backend::JetStream(bus) => Arc::new(bus.clone()),
        }
    }

    /// The bus in memory, if it is one.
    pub fn memory(&self) -> Option<&MemoryBus> {
        match &self.0.backend {
            Backend::Memory(bus) => Some(bus),
            #[cfg(feature = "jetstream")]
            Backend::JetStream(_) => None,
        }
    }

    /// The JetStream below, if it is one: its connection is for other parts of the service, too.
    #[cfg(feature = "jetstream")]
    pub fn jetstream(&self) -> Option<&JetStream> {
        match &self.0.backend {
            Backend::Memory(_) => None,
            Backend::JetStream(bus) => Some(bus),
        }
    }

    /// The connection of the bus, if it has one: for [`Rpc`](crate::Rpc) and [`Store`](crate::Store), which share it.
    #[cfg(feature = "nats")]
    pub fn nats(&self) -> crate::Nats {
        #[cfg(feature = "jetstream")]
        let nats = crate::Nats::of(self.jetstream().map(JetStream::connection));
        #[cfg(not(feature = "jetstream"))]
        let nats = crate::Nats::default();
        nats
    }

    /// Whether its events are in this process: no other one delivers them.
    pub fn is_embedded(&self) -> bool {
        self.memory().is_some()
    }

    pub(crate) fn backlog(&self) -> &Backlog {
        &self.0.backlog
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let backend = if self.is_embedded() { "memory" } else { "jetstream" };
        f.debug_struct("Bus").field("backend", &backend).finish_non_exhaustive()
    }
}

/// Stopped after the relay and the consumers: publishes in flight are waited for, a journal is written to the disk.
#[async_trait]
impl Component for Bus {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "events"
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        let within = deadline.left();
        let closed = match &self.0.backend {
            Backend::Memory(bus) => {
                bus.close();
                bus.flush(within).await
            }
            #[cfg(feature = "jetstream")]
            Backend::JetStream(bus) => bus.close(within).await,
        };
        closed.map_or_else(|error| Stopped::cut(error.to_string()), |()| Stopped::Clean)
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        Some(match &self.0.backend {
            Backend::Memory(bus) => Arc::new(bus.clone()),
            #[cfg(feature = "jetstream")]
            Backend::JetStream(bus) => Arc::new(bus.clone()),
        })
    }

    fn is_required(&self) -> bool {
        false
    }
}
