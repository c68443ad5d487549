//! NATS JetStream: acknowledged publishing with de-duplication, durable pull consumers that recover by themselves.
//!
//! Needs nats-server 2.10 or newer. Delivery is at least once. An acknowledged event is stored by the server; whether it is
//! on disk before the acknowledgement is the server's `sync_interval`.

mod confirmations;
mod consumer;
mod dead_letters;
mod error;
mod health;
mod in_flight;
mod message;
mod plan;
mod publish_batch;
mod publisher;
mod pull;
mod settings;
mod stream;
mod stream_settings;
mod subjects;
mod subscription;
mod topology;
mod under_way;
mod unseen;
mod wire;

pub use plan::{Change, Difference, Plan};
pub use settings::{ContentMode, JetStreamSettings, PublishSettings};
pub use stream_settings::{DeadLetterSettings, Storage, StreamSettings, TopologyMode, WhenFull};
pub use underpin_nats::{AuthSettings, TlsSettings};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_trait::async_trait;
use tokio::sync::Semaphore;
use underpin_logger::Logger;
use underpin_nats::{Connection, SessionLocal};

use crate::{EventHandler, EventSubscriber, EventsError, SubscribeOptions, Subscription};

/// The oldest server that has everything this crate asks for: consumers with several filters, stream metadata.
const OLDEST_SERVER: &str = "2.10.0";

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
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) connection: Connection,
    /// Whether the connection is closed together with the bus.
    owns_connection: bool,
    context: SessionLocal<Context>,
    pub(crate) settings: JetStreamSettings,
    pub(crate) log: Arc<dyn Logger>,
    window: Semaphore,
    /// Confirmations that the server never answered.
    unconfirmed: metrics::Counter,
}

impl JetStream {
    /// Connects, checks the server's version, and brings the streams to their declaration or verifies them.
    ///
    /// Tries again until the connect timeout of the settings while no server answers; wrong credentials end it at once.
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

    /// Like [`connect`](Self::connect), over a connection that other parts of the service use too. What the settings say of the
    /// connection is ignored, and [`close`](Self::close) leaves it open.
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
        connection.require("a consumer with several filters", OLDEST_SERVER)?;
        // A leaf node without JetStream of its own can reach that of a domain.
        if !connection.server_info().jetstream && settings.domain.is_none() {
            return Err(EventsError::JetStreamDisabled);
        }
        let bus = Self {
            inner: Arc::new(Inner {
                connection,
                owns_connection,
                context: SessionLocal::default(),
                settings: settings.clone(),
                log,
                window: Semaphore::new(settings.publish.window),
                unconfirmed: metrics::counter!("underpin_events_unconfirmed_total"),
            }),
        };
        match settings.topology {
            TopologyMode::Apply => bus.apply().await.map(drop)?,
            TopologyMode::Verify => bus.verify().await?,
        }
        Ok(bus)
    }

    /// The connection below, which other parts of the service may share.
    pub fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    /// The client below, for what this crate does not cover. It is replaced when its task ends: ask again instead of keeping it.
    pub fn client(&self) -> async_nats::Client {
        self.inner.connection.client()
    }

    /// The JetStream context below, for what this crate does not cover. Like the client, it is replaced when the task of the
    /// client ends.
    pub fn jetstream(&self) -> Context {
        Context::clone(&self.inner.jetstream())
    }

    /// Waits for the publishes under way, then closes the connection. Drain subscriptions first: their
    /// acknowledgements need the connection.
    ///
    /// # Errors
    /// [`EventsError::Timeout`] when publishes are still under way after `within`; the connection is closed anyway.
    ///
    /// # Cancel safety
    /// The connection may stay open.
    pub async fn close(&self, within: Duration) -> Result<(), EventsError> {
        // Until the window is closed nobody gets a place: what went out now would not be waited for.
        let (flushed, places) = self.inner.flushed(within).await;
        self.inner.window.close();
        drop(places);
        if self.inner.owns_connection {
            self.inner.connection.close().await;
        }
        flushed
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }
}

impl Inner {
    /// The JetStream context of the current client.
    pub(crate) fn jetstream(&self) -> Arc<Context> {
        self.context.get_or_make(&self.connection, |client| {
            let timeout = self.connection.request_timeout();
            let context = ContextBuilder::new().timeout(timeout);
            match &self.settings.domain {
                Some(domain) => ContextBuilder::new().domain(domain).timeout(timeout).build(client),
                None => context.build(client),
            }
        })
    }
}

impl fmt::Debug for JetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStream")
            .field("stream", &self.inner.settings.stream.name)
            .field("link", &self.inner.connection.link())
            .finish_non_exhaustive()
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
        Ok(Arc::new(
            subscription::JetStreamSubscription::start(Arc::clone(&self.inner), options, handler).await?,
        ))
    }
}
