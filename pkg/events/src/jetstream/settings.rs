use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Secret, Validate, duration, setters};

use underpin_nats::{AuthSettings, NatsSettings, ReconnectSettings, TlsSettings};

use super::publish_settings::PublishSettings;
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
    /// How long [`JetStream::connect`](super::JetStream::connect) tries in all. At most a day.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub connect_timeout: Duration,
    /// How long one request to the server may take. At most a day.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub request_timeout: Duration,
    /// How often an idle connection is checked, from 100ms to 60s. A connection that was lost silently is noticed after two
    /// intervals.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub ping_interval: Duration,
    /// The wait between attempts to reconnect, at most an hour. They never end: a service waits for its bus.
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

impl JetStreamSettings {
    /// Default settings for one server.
    pub fn new(server: impl Into<String>) -> Self {
        Self::default().servers([server])
    }

    /// Sets the servers.
    #[must_use]
    pub fn servers<S: Into<String>>(mut self, servers: impl IntoIterator<Item = S>) -> Self {
        self.servers = servers.into_iter().map(|server| Secret::new(server.into())).collect();
        self
    }

    setters! {
        /// Sets the name of the service.
        name: impl Into<String> => name.into();
        /// Sets how long the first connect tries in all.
        connect_timeout: Duration => connect_timeout;
        /// Sets how long one request to the server may take.
        request_timeout: Duration => request_timeout;
        /// Sets how often an idle connection is checked.
        ping_interval: Duration => ping_interval;
        /// Sets the wait between attempts to reconnect.
        reconnect: Backoff => reconnect;
        /// Sets the JetStream domain.
        domain: impl Into<String> => Some(domain.into());
        /// Sets how the client proves who it is.
        auth: AuthSettings => auth;
        /// Sets how the connection is encrypted.
        tls: TlsSettings => tls;
        /// Sets the stream of events.
        stream: StreamSettings => stream;
        /// Sets the stream of dead letters.
        dead_letters: DeadLetterSettings => dead_letters;
        /// Sets whether streams and consumers are changed to their declaration, or only compared with it.
        topology: TopologyMode => topology;
        /// Sets how events are published.
        publish: PublishSettings => publish;
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
        EventsError::check(self)
    }
}

impl Default for JetStreamSettings {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".into()],
            name: DEFAULT_NAME.to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
            // async-nats waits two minutes in all before it notices a silent loss.
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

#[cfg(test)]
mod tests {
    use super::*;
    use underpin_config::ByteSize;

    fn refused(settings: &JetStreamSettings) -> Option<String> {
        Checks::of(settings).failures().first().map(|failure| failure.key().to_owned())
    }

    #[test]
    fn extremes_are_refused_by_name() {
        let (none, most, least) = (Duration::ZERO, Duration::MAX, Duration::from_nanos(1));
        let base = JetStreamSettings::default;
        let publish = |publish: PublishSettings| base().publish(publish);
        let stream = |stream: StreamSettings| base().stream(stream);
        let dead_letters = |age| base().dead_letters(DeadLetterSettings::default().max_age(age));
        let (p, s) = (PublishSettings::default, StreamSettings::default);
        assert_eq!(refused(&base()), None);
        for (settings, key) in [
            (base().connect_timeout(none), "connect_timeout"),
            (base().connect_timeout(most), "connect_timeout"),
            (base().request_timeout(none), "request_timeout"),
            (base().request_timeout(most), "request_timeout"),
            (base().ping_interval(least), "ping_interval"),
            (base().ping_interval(most), "ping_interval"),
            (base().reconnect(Backoff::new(none, none)), "reconnect.initial"),
            (base().reconnect(Backoff::new(least, most)), "reconnect.max"),
            (publish(p().window(0)), "publish.window"),
            (publish(p().window(usize::MAX)), "publish.window"),
            (publish(p().timeout(least).ack_timeout(least)), "publish.timeout"),
            (publish(p().timeout(most)), "publish.timeout"),
            (publish(p().timeout(Duration::from_secs(120))), "publish.timeout"),
            (publish(p().ack_timeout(least)), "publish.ack_timeout"),
            (publish(p().ack_timeout(Duration::from_secs(11))), "publish.ack_timeout"),
            (publish(p().retries(u32::MAX)), "publish.retries"),
            (publish(p().backoff(Backoff::new(least, most))), "publish.backoff.max"),
            (stream(s().replicas(0)), "stream.replicas"),
            (stream(s().replicas(usize::MAX)), "stream.replicas"),
            (stream(s().max_age(none)), "stream.max_age"),
            (stream(s().max_age(most)), "stream.max_age"),
            (stream(s().max_bytes(ByteSize::new(0))), "stream.max_bytes"),
            (stream(s().max_bytes(ByteSize::new(u64::MAX))), "stream.max_bytes"),
            (stream(s().max_messages(0)), "stream.max_messages"),
            (stream(s().max_messages(u64::MAX)), "stream.max_messages"),
            (stream(s().max_message_size(ByteSize::new(0))), "stream.max_message_size"),
            (stream(s().max_message_size(ByteSize::mib(4096))), "stream.max_message_size"),
            (stream(s().duplicate_window(least)), "stream.duplicate_window"),
            (stream(s().max_age(most).duplicate_window(most)), "stream.max_age"),
            (stream(s().duplicate_window(s().max_age)), "stream.duplicate_window"),
            (dead_letters(none), "dead_letters.max_age"),
            (dead_letters(most), "dead_letters.max_age"),
        ] {
            assert_eq!(refused(&settings).as_deref(), Some(key), "{settings:?}");
        }
    }
}
