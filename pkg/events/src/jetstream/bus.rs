use std::{fmt, sync::Arc, time::Duration};

use async_nats::jetstream::Context;
use async_trait::async_trait;
use underpin_errors::{Health, HealthCheck, Report};
use underpin_logger::Logger;
use underpin_nats::Connection;

use super::backend::Backend;
use super::plan::Plan;
use super::settings::JetStreamSettings;
use super::stream_settings::TopologyMode;
use super::subscription::JetStreamSubscription;
use crate::{
    DeadLetter, DeadLetterQueue, Event, EventHandler, EventPublisher, EventSubscriber, EventsError,
    PublishReceipt, SubscribeOptions, Subscription, spans,
};

/// A connection to NATS with one stream of events and one of dead letters. Clones share it.
///
/// # Examples
/// ```no_run
/// use std::sync::Arc;
/// use underpin_events::jetstream::{JetStream, JetStreamSettings};
/// use underpin_events::{Event, EventPublisher};
/// use underpin_logger::NoopLogger;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = JetStreamSettings::new("nats://127.0.0.1:4222");
/// let bus = JetStream::connect(&settings, Arc::new(NoopLogger)).await?;
/// let receipt = bus.publish(Event::builder("order.placed", "/orders").build()?).await?;
/// println!("stored at {}", receipt.sequence);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct JetStream {
    backend: Arc<Backend>,
    /// Whether the connection is closed together with the bus.
    owns_connection: bool,
}

impl JetStream {
    /// Connects, checks the server's version, and applies or verifies the declared streams.
    ///
    /// Retries until the connect timeout of the settings while no server answers; refused credentials end it at once.
    ///
    /// # Errors
    /// [`EventsError`]: an option out of range, no connection in time, not authorized, JetStream off, a server that is
    /// too old, streams that differ from their declaration.
    ///
    /// # Cancel safety
    /// Cancel safe; streams may have been created.
    pub async fn connect(settings: &JetStreamSettings, log: Arc<dyn Logger>) -> Result<Self, EventsError> {
        settings.check()?;
        let connection = Connection::connect(&settings.connection(), Arc::clone(&log)).await?;
        Self::start(connection, true, settings, log).await
    }

    /// Like [`connect`](Self::connect), over a connection that other parts of the service use too. The connection settings
    /// (servers, timeouts, credentials, TLS) are ignored, and [`close`](Self::close) leaves the connection open.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect) that are not about connecting.
    ///
    /// # Cancel safety
    /// Cancel safe; streams may have been created.
    pub async fn open(
        connection: &Connection,
        settings: &JetStreamSettings,
        log: Arc<dyn Logger>,
    ) -> Result<Self, EventsError> {
        settings.check()?;
        Self::start(connection.clone(), false, settings, log).await
    }

    async fn start(
        connection: Connection,
        owns_connection: bool,
        settings: &JetStreamSettings,
        log: Arc<dyn Logger>,
    ) -> Result<Self, EventsError> {
        let backend = Arc::new(Backend::new(connection, settings, log)?);
        match settings.topology {
            TopologyMode::Apply => backend.topology.apply().await.map(drop)?,
            TopologyMode::Verify => backend.topology.verify().await?,
        }
        Ok(Self { backend, owns_connection })
    }

    /// The connection below, which other parts of the service may share.
    pub fn connection(&self) -> &Connection {
        &self.backend.api.connection
    }

    /// The client below, for what this crate does not cover. It is replaced when its task ends: ask again instead of keeping it.
    pub fn client(&self) -> async_nats::Client {
        self.connection().client()
    }

    /// The JetStream context below, for what this crate does not cover. Like the client, it is replaced when the task of the
    /// client ends.
    pub fn jetstream(&self) -> Context {
        Context::clone(&self.backend.api.context())
    }

    /// Compares the streams with their declaration and changes nothing.
    ///
    /// # Errors
    /// What the server says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn plan(&self) -> Result<Plan, EventsError> {
        self.backend.topology.plan().await
    }

    /// Creates the streams that are missing and changes those that differ, then reads them back and compares, since a server
    /// ignores fields that it does not know. Returns the changes.
    ///
    /// Idempotency: a second call changes nothing.
    ///
    /// # Errors
    /// [`EventsError::Drift`] when a stream still differs afterwards, [`EventsError::InvalidOption`] for subjects that another
    /// stream has, and what the server says.
    ///
    /// # Cancel safety
    /// Some of the changes may have been made.
    pub async fn apply(&self) -> Result<Plan, EventsError> {
        self.backend.topology.apply().await
    }

    /// Compares the streams with their declaration.
    ///
    /// # Errors
    /// [`EventsError::Drift`] with one sentence for each difference, and what the server says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn verify(&self) -> Result<(), EventsError> {
        self.backend.topology.verify().await
    }

    /// Waits for the publishes in flight, then closes the connection unless it is shared. Drain subscriptions first: their
    /// acknowledgements need the connection.
    ///
    /// # Errors
    /// [`EventsError::Timeout`] when publishes are still in flight after `within`; the connection is closed anyway.
    ///
    /// # Cancel safety
    /// The connection may stay open.
    pub async fn close(&self, within: Duration) -> Result<(), EventsError> {
        let flushed = self.backend.publisher.close(within).await;
        if self.owns_connection {
            self.connection().close().await;
        }
        flushed
    }

    pub(crate) fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }
}

impl fmt::Debug for JetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStream")
            .field("stream", &self.backend.settings.stream.name)
            .field("link", &self.connection().link())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl EventPublisher for JetStream {
    async fn publish(&self, event: Event) -> Result<PublishReceipt, EventsError> {
        let mut span = spans::publish(std::slice::from_ref(&event));
        let message = span.watch(self.backend.publisher.outbound(&event))?;
        span.watch(self.backend.publisher.send(&message).await)
    }

    async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>> {
        let mut span = spans::publish(&events);
        let published = super::publish_batch::publish(&self.backend.publisher, events).await;
        span.watch_all(&published);
        published
    }

    async fn flush(&self, within: Duration) -> Result<(), EventsError> {
        self.backend.publisher.flush(within).await
    }
}

#[async_trait]
impl EventSubscriber for JetStream {
    async fn subscribe(
        &self,
        options: SubscribeOptions,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Arc<dyn Subscription>, EventsError> {
        options.check()?;
        let backend = Arc::clone(&self.backend);
        Ok(Arc::new(JetStreamSubscription::start(backend, options, handler).await?))
    }
}

#[async_trait]
impl DeadLetterQueue for JetStream {
    async fn list(&self, after: u64, limit: usize) -> Result<Vec<DeadLetter>, EventsError> {
        self.backend.dead_letters.list(after, limit).await
    }

    async fn inspect(&self, id: u64) -> Result<DeadLetter, EventsError> {
        self.backend.dead_letters.inspect(id).await
    }

    async fn replay(&self, id: u64) -> Result<PublishReceipt, EventsError> {
        self.backend.dead_letters.replay(id).await
    }

    async fn discard(&self, id: u64) -> Result<(), EventsError> {
        self.backend.dead_letters.discard(id).await
    }
}

#[async_trait]
impl HealthCheck for JetStream {
    fn name(&self) -> &'static str {
        "events"
    }

    async fn check(&self) -> Health {
        let (link, info) = (self.connection().link(), self.connection().server_info());
        let health = match (link.closed, link.up) {
            (true, _) => Health::down("connection is closed"),
            (_, false) => Health::down("not connected"),
            // A round trip, since a connection to a frozen server looks healthy.
            (_, true) => match self.backend.topology.stream_info(&self.backend.settings.stream.name).await {
                Ok(Some(stream)) if link.lame_duck => Health::degraded("the server announced its shutdown")
                    .detail("messages", stream.state.messages),
                Ok(Some(stream)) => Health::up().detail("messages", stream.state.messages),
                Ok(None) => Health::down("the stream is missing"),
                Err(failure) => Health::down(Report(&failure).to_string()),
            },
        };
        health
            .detail("backend", "jetstream")
            .detail("server", info.server_name)
            .detail("server_version", info.version)
            .detail("reconnects", link.epoch)
            .detail("client_rebuilds", link.rebuilds)
            .detail("publishing", self.backend.publisher.in_flight())
    }
}
