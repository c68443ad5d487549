use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_nats::{Client, HeaderMap, Message, ServerInfo, StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use underpin_errors::BoxError;
use underpin_logger::Logger;

use crate::connect::connect;
use crate::environment::Environment;
use crate::reply_inbox::ReplyInbox;
use crate::session::Session;
use crate::supervise::supervise;
use crate::{CredentialsProvider, LinkState, NatsError, NatsSettings, deadline, server};

/// A connection to NATS that many parts of a service share. Clones share it; the last one closes it when dropped.
///
/// Every call is bounded in time and waits for the link first: nothing is queued while no server is there. The client reconnects by
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
    env: Arc<Environment>,
    current: Arc<ArcSwap<Session>>,
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
        env.link.set_up();
        let current = Arc::new(ArcSwap::from_pointee(session));
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

    /// The JetStream API level of the servers: 0 before 2.11, 1 with 2.11, 2 with 2.12.
    ///
    /// # Errors
    /// Like [`request`](Self::request).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn api_level(&self, domain: Option<&str>) -> Result<u64, NatsError> {
        let subject = match domain {
            Some(domain) => format!("$JS.{domain}.API.INFO"),
            None => "$JS.API.INFO".to_owned(),
        };
        let until = deadline::after(self.request_timeout());
        let answer = self.request(subject.into(), None, Bytes::new(), until).await?;
        server::api_level(&answer.payload).map_err(NatsError::Unavailable)
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

    /// Runs one call to the server: not before the link is up, not longer than the request timeout, and not longer than the
    /// link lasts.
    ///
    /// # Errors
    /// [`NatsError::Closed`], [`NatsError::Disconnected`], [`NatsError::Timeout`], [`NatsError::Lost`]; inside, the result of
    /// the call.
    ///
    /// # Cancel safety
    /// That of the call.
    pub async fn call<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, NatsError> {
        let within = self.request_timeout();
        let until = deadline::after(within);
        let epoch = self.connected(until).await?;
        tokio::select! {
            biased;
            done = timeout_at(until, call) => done.map_err(|_| NatsError::Timeout { operation, within }),
            () = self.lost(epoch) => Err(NatsError::Lost),
        }
    }

    /// Publishes a message without an acknowledgement: at once where the client has room, within the request timeout where its
    /// queue is full.
    ///
    /// Ordering: messages that one task publishes arrive in their order. Nothing is retried.
    ///
    /// # Errors
    /// [`NatsError::Disconnected`] and [`NatsError::Closed`] without a link; an invalid subject or a message that is too large.
    /// A message that was taken may be lost with the connection.
    ///
    /// # Cancel safety
    /// The message may be sent.
    pub async fn publish(
        &self,
        subject: Subject,
        reply: Option<Subject>,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<(), NatsError> {
        let link = self.link();
        if link.closed {
            return Err(NatsError::Closed);
        }
        if !link.up {
            return Err(NatsError::Disconnected);
        }
        let session = self.current.load_full();
        let until = deadline::after(self.request_timeout());
        self.send(&session, subject, reply, headers, payload, until).await
    }

    /// Sends a request and waits for its answer: for the link first, and for both until `until`.
    ///
    /// Nothing is retried. A request that is given up leaves nothing behind.
    ///
    /// # Errors
    /// [`NatsError::NoResponders`] when there is no subscriber, [`NatsError::Unauthorized`] as soon as the server refuses the
    /// subject, [`NatsError::Lost`] when the connection ends before the answer, [`NatsError::Timeout`]; and those of
    /// [`publish`](Self::publish).
    ///
    /// # Cancel safety
    /// The request may be sent and its answer lost.
    pub async fn request(
        &self,
        subject: Subject,
        headers: Option<HeaderMap>,
        payload: Bytes,
        until: Instant,
    ) -> Result<Message, NatsError> {
        let began = Instant::now();
        let epoch = self.connected(until).await?;
        let session = self.current.load_full();
        let answer = async {
            let mut request = session.requests.add(subject.clone()).ok_or(NatsError::Disconnected)?;
            let reply = session.requests.reply_to(&request);
            self.send(&session, subject.clone(), Some(reply), headers, payload, until).await?;
            let message = match request.answer().await {
                Some(Ok(message)) => message,
                Some(Err(denial)) => return Err(NatsError::Unauthorized(denial.into())),
                None => return Err(NatsError::Lost),
            };
            if message.status == Some(StatusCode::NO_RESPONDERS) {
                return Err(NatsError::NoResponders { subject: subject.to_string() });
            }
            Ok(message)
        };
        tokio::select! {
            biased;
            answered = timeout_at(until, answer) => answered.unwrap_or_else(|_| {
                Err(NatsError::Timeout { operation: "request", within: until.duration_since(began) })
            }),
            () = self.lost(epoch) => Err(NatsError::Lost),
        }
    }

    async fn send(
        &self,
        session: &Session,
        subject: Subject,
        reply: Option<Subject>,
        headers: Option<HeaderMap>,
        payload: Bytes,
        until: Instant,
    ) -> Result<(), NatsError> {
        let (client, size) = (&session.client, payload.len());
        let mut sent = pin!(async {
            match (reply, headers) {
                (Some(reply), Some(headers)) => {
                    client.publish_with_reply_and_headers(subject, reply, headers, payload).await
                }
                (Some(reply), None) => client.publish_with_reply(subject, reply, payload).await,
                (None, Some(headers)) => client.publish_with_headers(subject, headers, payload).await,
                (None, None) => client.publish(subject, payload).await,
            }
        });
        // No timer for what the client takes at once.
        let sent = match sent.as_mut().now_or_never() {
            Some(sent) => sent,
            None => {
                let within = self.request_timeout();
                timeout_at(until, sent)
                    .await
                    .map_err(|_| NatsError::Timeout { operation: "publish", within })?
            }
        };
        sent.map_err(|error| NatsError::unsent(error, size, client.max_payload()))
    }

    /// Subscribes to everything below a new inbox, and returns the inbox too.
    ///
    /// # Errors
    /// Like [`call`](Self::call), and what the client says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn inbox(&self) -> Result<(String, Subscriber), NatsError> {
        let session = self.current.load_full();
        self.call("subscribe", session.inbox()).await?.map_err(NatsError::Unavailable)
    }

    /// An inbox for the answers to many messages.
    ///
    /// # Errors
    /// Like [`inbox`](Self::inbox).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn reply_inbox(&self) -> Result<ReplyInbox, NatsError> {
        match self.current.load().idle_inboxes.take() {
            Some(inbox) => Ok(inbox),
            None => self.reply_inbox_from(0).await,
        }
    }

    /// A new inbox whose numbers begin with `next`: in place of one that has ended.
    ///
    /// # Errors
    /// Like [`inbox`](Self::inbox).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn reply_inbox_from(&self, next: u64) -> Result<ReplyInbox, NatsError> {
        let session = self.current.load_full();
        let opened: Result<_, BoxError> = self.call("subscribe", session.inbox()).await?;
        let opened = opened.map_err(NatsError::Unavailable)?;
        Ok(ReplyInbox::new(opened, self.env.denials.subscribe(), next, session.number))
    }

    /// Gives an inbox back, for the next batch. Its answers must have been taken or given up.
    pub fn release_inbox(&self, inbox: ReplyInbox) {
        let session = self.current.load();
        if session.number == inbox.session() {
            session.idle_inboxes.put(inbox);
        }
    }

    /// Writes what was published to the socket.
    ///
    /// # Errors
    /// Like [`call`](Self::call), and what the client says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn flush(&self) -> Result<(), NatsError> {
        let client = self.client();
        self.call("flush", client.flush()).await?.map_err(|error| NatsError::Unavailable(error.into()))
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
