use std::{io, time::Duration};

use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate};

use super::{exporter::Exporter, http::Endpoint};
use crate::sink::{BufferedSink, Output, Overflow};

/// A request that hangs for longer is a failure.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);
const LARGEST_BUFFER: ByteSize = ByteSize::mib(1024);

/// Where log records are exported to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OtlpSettings {
    /// The collector's logs endpoint, `http://host:port/path`.
    pub endpoint: String,
    /// How long one request may take, from the connection to the answer. The system's search for the address comes on top.
    #[serde(with = "underpin_config::duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub timeout: Duration,
    /// How much is kept while the collector is away, at least 64 KiB; what comes on top is dropped and counted.
    pub buffer: ByteSize,
}

impl OtlpSettings {
    /// The defaults, with the endpoint of `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, or of `OTEL_EXPORTER_OTLP_ENDPOINT` with
    /// `/v1/logs` behind it, where one is set.
    pub fn from_env() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value: &String| !value.trim().is_empty());
        let base = || {
            set("OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| format!("{}/v1/logs", base.trim_end_matches('/')))
        };
        let endpoint = set("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT").or_else(base);
        let defaults = Self::default();
        Self { endpoint: endpoint.unwrap_or(defaults.endpoint), ..Self::default() }
    }

    /// Sets `endpoint`.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = endpoint.into();
        self
    }

    /// Sets `timeout`.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets `buffer`.
    #[must_use]
    pub const fn buffer(mut self, size: ByteSize) -> Self {
        self.buffer = size;
        self
    }

    /// A sink that exports the lines of a [`JsonFormat`](crate::JsonFormat). It never makes its callers wait.
    ///
    /// # Errors
    ///
    /// When the endpoint is not a plain HTTP address, or the system refuses another thread. A collector that is away is
    /// no error.
    pub fn sink(&self) -> io::Result<BufferedSink> {
        let endpoint = Endpoint::parse(&self.endpoint).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the endpoint is not http://host:port/path")
        })?;
        let output = Output::writer(Exporter::new(endpoint, self.timeout));
        BufferedSink::with(output, self.buffer.as_usize(), Overflow::Drop)
    }
}

impl Default for OtlpSettings {
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:4318/v1/logs".to_owned(),
            timeout: Duration::from_secs(10),
            buffer: ByteSize::mib(4),
        }
    }
}

impl Validate for OtlpSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(
            Endpoint::parse(&self.endpoint).is_some(),
            "endpoint",
            "must be `http://host:port/path`",
        );
        let bearable = !self.timeout.is_zero() && self.timeout <= LONGEST_TIMEOUT;
        checks.ensure(bearable, "timeout", "must be longer than 0s and at most 10m");
        let buffer = BufferedSink::BATCH..=LARGEST_BUFFER.as_usize();
        checks.ensure(buffer.contains(&self.buffer.as_usize()), "buffer", "must be 64KiB to 1GiB");
    }
}
