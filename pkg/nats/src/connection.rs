use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_nats::{Client, ServerInfo};
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use underpin_logger::{Context, Logger, info};

use crate::connect::connect;
use crate::environment::Environment;
use crate::session::Session;
use crate::supervise::supervise;
use crate::{CredentialsProvider, LinkState, NatsError, NatsSettings, server};

/// A connection to NATS that many parts of a service share. Clones share it; the last one closes it when dropped.
///
/// Every call is bounded in time and waits for the link first: no call is queued while disconnected. The client reconnects by
/// itself; when its task ends it is rebuilt.
///
/// # Examples
/// ```no_run
/// use std::sync::Arc;
/// use underpin_logger::NoopLogger;
/// use underpin_nats::{Connection, NatsSettings};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let nats = Connection::connect(&NatsSettings::new("nats://127.0.0.1:4222"), Arc::new(NoopLogger)).await?;
/// nats.publish("greetings".into(), None, None, "hello".into()).await?;
/// assert!(nats.link().up);
/// nats.close().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Connection {
    pub(crate) env: Arc<Environment>,
    pub(crate) current: Arc<ArcSwap<Session>>,
    _supervisor: Arc<AbortOnDropHandle<()>>,
}

impl Connection {
    /// Connects to one of the servers.
    ///
    /// Retries until the connect timeout while no server answers; refused credentials end it at once.
    ///
    /// # Errors
    /// [`NatsError`]: a setting out of range, no connection in time, credentials refused.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn connect(settings: &NatsSettings, log: Arc<dyn Logger>) -> Result<Self, NatsError> {
        Self::open(Environment::new(settings, None, log)?).await
    }

    /// Connects with credentials from a provider instead of those of the settings.
    ///
    /// # Errors
    /// Like [`connect`](Self::connect).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn connect_with(
        settings: &NatsSettings,
        provider: Arc<dyn CredentialsProvider>,
        log: Arc<dyn Logger>,
    ) -> Result<Self, NatsError> {
        Self::open(Environment::new(settings, Some(provider), log)?).await
    }

    async fn open(env: Environment) -> Result<Self, NatsError> {
        let env = Arc::new(env);
        let (session, ended) = connect(&env).await?;
        let current = Arc::new(ArcSwap::from_pointee(session));
        env.link.set_up();
        info!(env.log, &Context::background(), "connected to NATS");
        let supervisor = tokio::spawn(supervise(Arc::clone(&env), Arc::clone(&current), ended));
        Ok(Self { env, current, _supervisor: Arc::new(AbortOnDropHandle::new(supervisor)) })
    }

    /// The client below. After a rebuild it is another one: ask again instead of keeping it.
    pub fn client(&self) -> Client {
        self.current.load().client.clone()
    }

    /// The number of the client, which a rebuild increases. What is bound to a client, such as a subscription, ends with it.
    pub fn session(&self) -> u64 {
        self.current.load().number
    }

    /// The state of the link.
    pub fn link(&self) -> LinkState {
        self.env.link.state()
    }

    /// The settings that the connection was made with.
    pub fn settings(&self) -> &NatsSettings {
        &self.env.settings
    }

    /// How long one call may take.
    pub fn request_timeout(&self) -> Duration {
        self.env.settings.request_timeout
    }

    /// The last INFO of the server.
    pub fn server_info(&self) -> ServerInfo {
        self.current.load().client.try_server_info().unwrap_or_default()
    }

    /// Requires that the server has at least this version.
    ///
    /// # Errors
    /// [`NatsError::ServerTooOld`].
    pub fn require(&self, feature: &'static str, version: &'static str) -> Result<(), NatsError> {
        server::require(feature, version, &self.server_info().version)
    }

    /// Waits until the link is up, and returns its epoch.
    ///
    /// # Errors
    /// [`NatsError::Closed`], and [`NatsError::Disconnected`] at `until`.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn connected(&self, until: Instant) -> Result<u64, NatsError> {
        self.env.link.connected(until).await
    }

    /// Waits until the link of this epoch is lost or closed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn lost(&self, epoch: u64) {
        self.env.link.lost(epoch).await;
    }

    /// Drains the subscriptions and closes the connection, for all clones. Bounded by two request timeouts.
    ///
    /// Idempotency: a second call changes nothing.
    ///
    /// # Cancel safety
    /// The connection may stay open.
    pub async fn close(&self) {
        let session = self.current.load_full();
        session.idle_inboxes.clear();
        let within = self.request_timeout();
        // It fails for a client that is closed already or whose task has ended.
        let drained = timeout(within, session.client.drain()).await;
        if matches!(drained, Ok(Ok(()))) && self.link().up {
            drop(timeout(within, self.env.link.closed()).await);
        }
        if !self.link().closed {
            self.env.link.set_closed();
        }
    }

    pub(crate) fn current_client(&self) -> (u64, Client) {
        let session = self.current.load();
        (session.number, session.client.clone())
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.env.failure()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.current.load().requests.len()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("name", &self.env.settings.name)
            .field("link", &self.link())
            .finish_non_exhaustive()
    }
}
