use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate, duration};

use crate::CorsSettings;
#[cfg(feature = "tls")]
use crate::TlsSettings;

/// The longest span that a setting may have: a day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The HTTP server: a block of the settings.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_http::HttpSettings;
///
/// let settings = HttpSettings::default().host([0, 0, 0, 0].into()).idle_timeout(Duration::from_secs(60));
/// assert_eq!(settings.address().to_string(), "0.0.0.0:8080");
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HttpSettings {
    /// The address to listen on; `0.0.0.0` for all interfaces. Default: `127.0.0.1`.
    pub host: IpAddr,
    /// The port to listen on; 0 for any that is free. Default: 8080.
    pub port: u16,
    /// Connections at a time. Further ones wait in the kernel; meanwhile connections without a request are closed. Default: 10,000.
    pub max_connections: usize,
    /// How long a client may take to send the head of a request, and to send the first one. Default: 10 s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub header_timeout: Duration,
    /// How long a connection may be without a request. Default: 75 s, longer than the idle timeout of common load balancers.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub idle_timeout: Duration,
    /// How long a client may accept none of the bytes that are ready for it. Default: 30 s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub write_timeout: Duration,
    /// How long a connection is used, give or take a tenth, so that clients spread over new replicas. Requests in progress are finished. Default: no limit.
    #[serde(with = "duration::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<underpin_config::schema::DurationText>"))]
    pub max_connection_age: Option<Duration>,
    /// Requests on one connection, before it is closed in order. Default: no limit.
    pub max_requests_per_connection: Option<u32>,
    /// The head of a request, in bytes. Default: 64 KiB.
    pub max_header: ByteSize,
    /// HTTP/2.
    pub http2: Http2Settings,
    /// How long a request may take until the head of its response, its body included. Default: 30 s. [`Standard`](crate::Standard) applies this and all that follow.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub request_timeout: Duration,
    /// The largest request body that an extractor reads. A route may set its own with axum's `DefaultBodyLimit`. Default: 1 MiB.
    pub max_body: ByteSize,
    /// Requests at a time; further ones get a 503 at once. Default: 1024.
    pub max_in_flight: usize,
    /// For how long browsers shall insist on HTTPS (`Strict-Transport-Security`); only for a service behind TLS. Default: unset.
    #[serde(with = "duration::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<underpin_config::schema::DurationText>"))]
    pub hsts: Option<Duration>,
    /// Which web pages of other origins may call.
    pub cors: CorsSettings,
    /// TLS, with the feature `tls`. Default: none, for a service behind a proxy that ends it.
    #[cfg(feature = "tls")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSettings>,
}

/// Limits of an HTTP/2 connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Http2Settings {
    /// Streams at a time on one connection. Default: 200.
    pub max_streams: u32,
    /// Streams that a client may have reset before they were served; one more closes the connection. Default: 20.
    pub max_reset_streams: usize,
    /// How often a ping asks whether the client is still there. Default: 30 s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub ping_interval: Duration,
    /// How long the answer to a ping may take. Default: 20 s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub ping_timeout: Duration,
}

impl HttpSettings {
    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    underpin_config::setters! {
        /// See [`host`](Self::host).
        host: IpAddr => host;
        /// See [`port`](Self::port).
        port: u16 => port;
        /// See [`max_connections`](Self::max_connections).
        max_connections: usize => max_connections;
        /// See [`header_timeout`](Self::header_timeout).
        header_timeout: Duration => header_timeout;
        /// See [`idle_timeout`](Self::idle_timeout).
        idle_timeout: Duration => idle_timeout;
        /// See [`write_timeout`](Self::write_timeout).
        write_timeout: Duration => write_timeout;
        /// See [`max_connection_age`](Self::max_connection_age).
        max_connection_age: Duration => Some(max_connection_age);
        /// See [`max_requests_per_connection`](Self::max_requests_per_connection).
        max_requests_per_connection: u32 => Some(max_requests_per_connection);
        /// See [`max_header`](Self::max_header).
        max_header: ByteSize => max_header;
        /// See [`http2`](Self::http2).
        http2: Http2Settings => http2;
        /// See [`request_timeout`](Self::request_timeout).
        request_timeout: Duration => request_timeout;
        /// See [`max_body`](Self::max_body).
        max_body: ByteSize => max_body;
        /// See [`max_in_flight`](Self::max_in_flight).
        max_in_flight: usize => max_in_flight;
        /// See [`hsts`](Self::hsts).
        hsts: Duration => Some(hsts);
        /// See [`cors`](Self::cors).
        cors: CorsSettings => cors;
    }

    /// See [`tls`](Self::tls).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: TlsSettings) -> Self {
        self.tls = Some(tls);
        self
    }
}

impl Http2Settings {
    underpin_config::setters! {
        /// See [`max_streams`](Self::max_streams).
        max_streams: u32 => max_streams;
        /// See [`max_reset_streams`](Self::max_reset_streams).
        max_reset_streams: usize => max_reset_streams;
        /// See [`ping_interval`](Self::ping_interval).
        ping_interval: Duration => ping_interval;
        /// See [`ping_timeout`](Self::ping_timeout).
        ping_timeout: Duration => ping_timeout;
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            host: Ipv4Addr::LOCALHOST.into(),
            port: 8080,
            max_connections: 10_000,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            max_connection_age: None,
            max_requests_per_connection: None,
            max_header: ByteSize::kib(64),
            http2: Http2Settings::default(),
            request_timeout: Duration::from_secs(30),
            max_body: ByteSize::mib(1),
            max_in_flight: 1024,
            hsts: None,
            cors: CorsSettings::default(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Default for Http2Settings {
    fn default() -> Self {
        Self {
            max_streams: 200,
            max_reset_streams: 20,
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(20),
        }
    }
}

impl Validate for HttpSettings {
    fn validate(&self, checks: &mut Checks) {
        let spans = [
            ("header_timeout", self.header_timeout),
            ("idle_timeout", self.idle_timeout),
            ("write_timeout", self.write_timeout),
            ("request_timeout", self.request_timeout),
            ("max_connection_age", self.max_connection_age.unwrap_or(DAY)),
        ];
        for (name, span) in spans {
            checks.ensure(is_span(span), name, "must be 10 ms to a day");
        }
        let connections = 1..=1_000_000;
        checks.ensure(connections.contains(&self.max_connections), "max_connections", "must be 1 to 1000000");
        let requests = self.max_requests_per_connection != Some(0);
        checks.ensure(requests, "max_requests_per_connection", "must be above zero");
        // hyper takes no buffer below 8 KiB.
        let header = ByteSize::kib(8).bytes()..=ByteSize::mib(1).bytes();
        checks.ensure(header.contains(&self.max_header.bytes()), "max_header", "must be 8 KiB to 1 MiB");
        checks.nested("http2", &self.http2);
        let body = 1..=ByteSize::mib(1024).bytes();
        checks.ensure(body.contains(&self.max_body.bytes()), "max_body", "must be 1 B to 1 GiB");
        let in_flight = 1..=1_000_000;
        checks.ensure(in_flight.contains(&self.max_in_flight), "max_in_flight", "must be 1 to 1000000");
        checks.nested("cors", &self.cors);
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            checks.nested("tls", tls);
        }
    }
}

impl Validate for Http2Settings {
    fn validate(&self, checks: &mut Checks) {
        let streams = 1..=100_000;
        checks.ensure(streams.contains(&self.max_streams), "max_streams", "must be 1 to 100000");
        let resets = 1..=100_000;
        checks.ensure(resets.contains(&self.max_reset_streams), "max_reset_streams", "must be 1 to 100000");
        checks.ensure(is_span(self.ping_interval), "ping_interval", "must be 10 ms to a day");
        checks.ensure(is_span(self.ping_timeout), "ping_timeout", "must be 10 ms to a day");
    }
}

fn is_span(span: Duration) -> bool {
    (Duration::from_millis(10)..=DAY).contains(&span)
}
