use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Secret, Validate, duration};

use underpin_nats::{AuthSettings, NatsSettings, ReconnectSettings, TlsSettings};

use super::stream_settings::{DeadLetterSettings, StreamSettings, TopologyMode};
use crate::{Backoff, EventsError};

/// The name of a service that sets none.
pub(super) const DEFAULT_NAME: &str = "underpin-events";

/// The settings of the JetStream backend.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct JetStreamSettings {
    /// The servers, as `nats://host:port` or `tls://host:port`. Secret, since a URL may carry a password.
    pub servers: Vec<Secret<String>>,
    /// The name of the service: the server's monitoring shows it as the name of the connection, and the consumer of a subscription
    /// records it. A service whose name is another is refused as a second owner of the subscription
    /// ([`EventsError::ForeignConsumer`]). Services with the default name record none.
    pub name: String,
    /// How long [`JetStream::connect`](super::JetStream::connect) tries in all.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub connect_timeout: Duration,
    /// How long one request to the server may take.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub request_timeout: Duration,
    /// How often an idle connection is checked. A server that is gone without a word is noticed after two of these.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub ping_interval: Duration,
    /// The wait between attempts to reconnect. They never end: a service waits for its bus.
    pub reconnect: Backoff,
    /// The JetStream domain.
    pub domain: Option<String>,
    /// How the client proves who it is.
    pub auth: AuthSettings,
    /// How the connection is encrypted.
    pub tls: TlsSettings,
    /// The stream of events.
    pub stream: StreamSettings,
    /// The stream of dead letters.
    pub dead_letters: DeadLetterSettings,
    /// Whether streams and consumers are brought to their declaration, or only compared with it.
    pub topology: TopologyMode,
    /// How events are published.
    pub publish: PublishSettings,
}

/// How events are published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PublishSettings {
    /// How many events may be in flight at once.
    pub window: usize,
    /// The absolute deadline of one publish with all its retries.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub timeout: Duration,
    /// How long one attempt waits for its acknowledgement before the next begins.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub ack_timeout: Duration,
    /// How many retries after the first attempt, at most 3.
    pub retries: u32,
    /// The wait between attempts.
    pub backoff: Backoff,
    /// How an event is written.
    pub mode: ContentMode,
}

/// How an event is written on the wire. Readers tell the two apart by the `ce-specversion` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContentMode {
    /// One JSON document (NATS protocol binding 1.0.2).
    #[default]
    Structured,
    /// Attributes as `ce-` headers and the payload as it is (1.0.3-wip).
    Binary,
}

impl JetStreamSettings {
    /// Default settings for one server.
    pub fn new(server: impl Into<String>) -> Self {
        Self { servers: vec![Secret::new(server.into())], ..Self::default() }
    }

    /// The settings of the connection: servers, name, timeouts, credentials and encryption.
    pub fn connection(&self) -> NatsSettings {
        let mut nats = NatsSettings::default()
            .name(&self.name)
            .connect_timeout(self.connect_timeout)
            .request_timeout(self.request_timeout)
            .ping_interval(self.ping_interval)
            .reconnect(ReconnectSettings::new(self.reconnect.initial, self.reconnect.max))
            .auth(self.auth.clone())
            .tls(self.tls.clone());
        nats.servers.clone_from(&self.servers);
        nats
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`EventsError::InvalidOption`] names the first that is out of range.
    pub fn check(&self) -> Result<(), EventsError> {
        match Checks::of(self).failures().first() {
            Some(failure) => Err(EventsError::option(failure.key(), failure.message())),
            None => Ok(()),
        }
    }
}

impl Default for JetStreamSettings {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".into()],
            name: DEFAULT_NAME.to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
            // async-nats waits two minutes in all, in which nobody would notice.
            ping_interval: Duration::from_secs(5),
            reconnect: Backoff::new(Duration::from_millis(100), Duration::from_secs(4)),
            domain: None,
            auth: AuthSettings::default(),
            tls: TlsSettings::default(),
            stream: StreamSettings::default(),
            dead_letters: DeadLetterSettings::default(),
            topology: TopologyMode::default(),
            publish: PublishSettings::default(),
        }
    }
}

impl Default for PublishSettings {
    fn default() -> Self {
        Self {
            window: 1024,
            timeout: Duration::from_secs(10),
            ack_timeout: Duration::from_millis(2500),
            retries: 3,
            // Three waits outlast the election of a cluster's new leader.
            backoff: Backoff::new(Duration::from_millis(250), Duration::from_secs(2)),
            mode: ContentMode::default(),
        }
    }
}

impl Validate for JetStreamSettings {
    fn validate(&self, checks: &mut Checks) {
        self.connection().validate(checks);
        checks.nested("stream", &self.stream);
        checks.nested("dead_letters", &self.dead_letters);
        checks.nested("publish", &self.publish);
        let other = self.stream.name != self.dead_letters.stream;
        checks.ensure(other, "dead_letters.stream", "must differ from `stream.name`");
        // A retry after the window would be stored a second time.
        let inside = self.publish.timeout < self.stream.duplicate_window;
        checks.ensure(inside, "publish.timeout", "must be shorter than `stream.duplicate_window`");
    }
}

impl Validate for PublishSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure((1..=65_536).contains(&self.window), "window", "must be from 1 to 65536");
        checks.ensure(!self.timeout.is_zero(), "timeout", "must be longer than zero");
        checks.ensure(!self.ack_timeout.is_zero(), "ack_timeout", "must be longer than zero");
        checks.ensure(self.retries <= 3, "retries", "must be at most 3");
        checks.nested("backoff", &self.backoff);
    }
}
