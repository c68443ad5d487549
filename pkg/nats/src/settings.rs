use std::time::Duration;

use async_nats::ServerAddr;
use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Secret, Validate, duration, setters};

use crate::{AuthSettings, NatsError, ReconnectSettings, TlsSettings};

/// Where the servers are and how to connect to them.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_nats::NatsSettings;
///
/// let settings = NatsSettings::new("nats://a:4222").servers(["nats://a:4222", "nats://b:4222"]).name("orders");
/// assert!(settings.check().is_ok());
/// assert!(settings.ping_interval(Duration::ZERO).check().is_err());
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct NatsSettings {
    /// The servers, as `nats://host:port` or `tls://host:port`. The client connects to any of them and to those that they
    /// announce. Secret, since a URL may carry a password.
    pub servers: Vec<Secret<String>>,
    /// The name of the connection, as the server's monitoring shows it.
    pub name: String,
    /// How the client proves who it is.
    pub auth: AuthSettings,
    /// How the connection is encrypted.
    pub tls: TlsSettings,
    /// How long [`Connection::connect`](crate::Connection::connect) tries in all. At most a day.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub connect_timeout: Duration,
    /// How long one call to the server may take. At most a day.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub request_timeout: Duration,
    /// How often an idle connection is checked, from 100ms to 60s. A connection that was lost silently is noticed after
    /// two intervals.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub ping_interval: Duration,
    /// The wait between attempts to reconnect, which go on until the connection is closed.
    pub reconnect: ReconnectSettings,
}

impl NatsSettings {
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
        /// Sets the name of the connection.
        name: impl Into<String> => name.into();
        /// Sets how long the first connect tries in all.
        connect_timeout: Duration => connect_timeout;
        /// Sets how long one call to the server may take.
        request_timeout: Duration => request_timeout;
        /// Sets how often an idle connection is checked.
        ping_interval: Duration => ping_interval;
        /// Sets the wait between attempts to reconnect.
        reconnect: ReconnectSettings => reconnect;
        /// Sets how the client proves who it is.
        auth: AuthSettings => auth;
        /// Sets how the connection is encrypted.
        tls: TlsSettings => tls;
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`NatsError::InvalidOption`] names the first that is out of range.
    pub fn check(&self) -> Result<(), NatsError> {
        match Checks::of(self).failures().first() {
            Some(failure) => Err(NatsError::option(failure.key(), failure.message())),
            None => Ok(()),
        }
    }

    /// The addresses of the servers. An error names the index, since the text of a URL is a secret.
    pub(crate) fn addresses(&self) -> Result<Vec<ServerAddr>, NatsError> {
        let parse = |(index, url): (usize, &Secret<String>)| {
            url.expose().parse().map_err(|_| NatsError::option(format!("servers.{index}"), NOT_A_URL))
        };
        self.servers.iter().enumerate().map(parse).collect()
    }
}

const NOT_A_URL: &str = "must be a URL such as `nats://host:4222`";
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for NatsSettings {
    fn default() -> Self {
        Self {
            servers: vec!["nats://127.0.0.1:4222".into()],
            name: "underpin".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
            // async-nats waits two minutes in all before it notices a silent loss.
            ping_interval: Duration::from_secs(5),
            reconnect: ReconnectSettings::default(),
            auth: AuthSettings::default(),
            tls: TlsSettings::default(),
        }
    }
}

impl Validate for NatsSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(!self.servers.is_empty(), "servers", "must name at least one server");
        for (index, url) in self.servers.iter().enumerate() {
            let address = url.expose().parse::<ServerAddr>();
            checks.ensure(address.is_ok(), &format!("servers.{index}"), NOT_A_URL);
        }
        for (key, limit) in
            [("connect_timeout", self.connect_timeout), ("request_timeout", self.request_timeout)]
        {
            checks.ensure(!limit.is_zero(), key, "must be longer than zero");
            checks.ensure(limit <= A_DAY, key, "must be at most a day");
        }
        let ping = (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&self.ping_interval);
        checks.ensure(ping, "ping_interval", "must be from 100ms to 60s");
        checks.nested("reconnect", &self.reconnect);
        checks.nested("auth", &self.auth);
        checks.nested("tls", &self.tls);
    }
}
