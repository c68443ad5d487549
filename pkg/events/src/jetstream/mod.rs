//! NATS JetStream: acknowledged publishing with de-duplication, durable pull consumers that recover by themselves.
//!
//! Needs nats-server 2.10 or newer. Delivery is at least once. An acknowledged event is stored by the server; whether it is
//! on disk before the acknowledgement is the server's `sync_interval`.

mod answers;
mod auth;
mod confirmations;
mod connect;
mod connection;
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
mod requests;
mod settings;
mod stream;
mod stream_settings;
mod subjects;
mod subscription;
mod topology;
mod under_way;
mod unseen;
mod wire;

pub use auth::{AuthSettings, TlsSettings};
pub use plan::{Change, Difference, Plan};
pub use settings::{ContentMode, JetStreamSettings, PublishSettings};
pub use stream_settings::{DeadLetterSettings, Storage, StreamSettings, TopologyMode, WhenFull};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use underpin_logger::Logger;

use crate::{EventHandler, EventSubscriber, EventsError, SubscribeOptions, Subscription};
use connection::Connection;

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
    pub(crate) settings: JetStreamSettings,
    pub(crate) log: Arc<dyn Logger>,
    window: Semaphore,
    inboxes: answers::Inboxes,
    requests: requests::Requests,
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
        let connection = connect::connect(settings, Arc::clone(&log)).await?;
        let window = Semaphore::new(settings.publish.window);
        let requests = requests::Requests::open(&connection).await?;
        let unconfirmed = metrics::counter!("underpin_events_unconfirmed_total");
        let bus = Self {
            inner: Arc::new(Inner {
                connection,
                settings: settings.clone(),
                log,
                window,
                inboxes: answers::Inboxes::default(),
                requests,
                unconfirmed,
            }),
        };
        match settings.topology {
            TopologyMode::Apply => bus.apply().await.map(drop)?,
            TopologyMode::Verify => bus.verify().await?,
        }
        Ok(bus)
    }

    /// The client below, for what this crate does not cover.
    pub fn client(&self) -> &async_nats::Client {
        self.inner.connection.client()
    }

    /// The JetStream context below, for what this crate does not cover.
    pub fn jetstream(&self) -> &async_nats::jetstream::Context {
        self.inner.connection.jetstream()
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
        self.inner.inboxes.clear();
        self.inner.connection.close().await;
        flushed
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
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
