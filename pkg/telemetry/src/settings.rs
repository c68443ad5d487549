use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Secret, Validate, duration};

use crate::SamplerName;

/// Traces, logs and metrics: a block of a service's settings.
///
/// # Examples
///
/// ```
/// use underpin_telemetry::{OtlpProtocol, OtlpSettings, TelemetrySettings};
///
/// let otlp = OtlpSettings::default().endpoint("http://collector:4318").protocol(OtlpProtocol::HttpProtobuf);
/// let settings = TelemetrySettings::default().otlp(otlp);
/// assert!(settings.metrics.enabled);
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TelemetrySettings {
    /// The export of spans and log records.
    pub otlp: OtlpSettings,
    /// The metrics.
    pub metrics: MetricsSettings,
}

impl TelemetrySettings {
    /// Sets `otlp`.
    #[must_use]
    pub fn otlp(mut self, otlp: OtlpSettings) -> Self {
        self.otlp = otlp;
        self
    }

    /// Sets `metrics`.
    #[must_use]
    pub fn metrics(mut self, metrics: MetricsSettings) -> Self {
        self.metrics = metrics;
        self
    }
}

/// How OTLP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OtlpProtocol {
    /// gRPC, mostly at port 4317.
    Grpc,
    /// Protobuf over HTTP, mostly at port 4318.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

/// Where spans and log records are exported to. What is not set here is taken from the `OTEL_*` variables; without an endpoint in either,
/// nothing is exported.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OtlpSettings {
    /// The collector's address, `http://` or `https://`. For HTTP, `/v1/traces` and `/v1/logs` are appended.
    pub endpoint: String,
    /// How it is spoken; `http/protobuf` where neither this nor `OTEL_EXPORTER_OTLP_PROTOCOL` is set.
    pub protocol: Option<OtlpProtocol>,
    /// Headers of every request, such as a token.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, String>"))]
    pub headers: BTreeMap<String, Secret<String>>,
    /// A file of root certificates (PEM) that are trusted instead of those of the system, for an `https://` endpoint.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take. Default: 10 s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub timeout: Duration,
    /// How long spans and records are gathered before they are sent. Default: 2 s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub interval: Duration,
    /// How long a batch that the collector does not take is tried again. Default: 1 min.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub give_up_after: Duration,
    /// How many spans wait at most. Default: 8,192.
    pub span_queue: usize,
    /// How many bytes of log lines wait at most. Default: 4 MiB.
    pub log_buffer: ByteSize,
    /// Whether spans are exported. Default: true.
    pub traces: bool,
    /// Whether log records are exported. Default: true.
    pub logs: bool,
    /// Which traces are recorded; `parentbased_always_on` where neither this nor `OTEL_TRACES_SAMPLER` is set.
    pub sampler: Option<SamplerName>,
    /// The share of the traces that a sampler with a ratio records, from 0 to 1. Default: 1.
    pub ratio: Option<f64>,
}

impl OtlpSettings {
    /// Sets `endpoint`.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = endpoint.into();
        self
    }

    /// Sets `protocol`.
    #[must_use]
    pub const fn protocol(mut self, protocol: OtlpProtocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret<String>>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Sets `ca_file`.
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// Sets `interval`.
    #[must_use]
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets `sampler` and `ratio`.
    #[must_use]
    pub const fn sampler(mut self, sampler: SamplerName, ratio: f64) -> Self {
        self.sampler = Some(sampler);
        self.ratio = Some(ratio);
        self
    }
}

impl Default for OtlpSettings {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            protocol: None,
            headers: BTreeMap::new(),
            ca_file: None,
            timeout: Duration::from_secs(10),
            interval: Duration::from_secs(2),
            give_up_after: Duration::from_secs(60),
            span_queue: 8192,
            log_buffer: ByteSize::mib(4),
            traces: true,
            logs: true,
            sampler: None,
            ratio: None,
        }
    }
}

/// The recorder of metrics.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MetricsSettings {
    /// Whether a recorder is installed. Default: true.
    pub enabled: bool,
    /// How many series one metric may have; what comes on top is counted in one series whose labels are all `other`. Default: 1,000.
    pub series_per_metric: usize,
    /// The upper bounds of the buckets of a histogram, by its name, instead of the built-in ones.
    pub buckets: BTreeMap<String, Vec<f64>>,
    /// How often histograms are folded into their buckets and gauges of the process are read. Default: 5 s.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub upkeep: Duration,
}

impl MetricsSettings {
    /// Sets `series_per_metric`.
    #[must_use]
    pub const fn series_per_metric(mut self, most: usize) -> Self {
        self.series_per_metric = most;
        self
    }

    /// Sets the buckets of one histogram.
    #[must_use]
    pub fn buckets(mut self, histogram: impl Into<String>, bounds: impl Into<Vec<f64>>) -> Self {
        self.buckets.insert(histogram.into(), bounds.into());
        self
    }
}

impl Default for MetricsSettings {
    fn default() -> Self {
        let upkeep = Duration::from_secs(5);
        Self { enabled: true, series_per_metric: 1000, buckets: BTreeMap::new(), upkeep }
    }
}

impl Validate for TelemetrySettings {
    fn validate(&self, checks: &mut Checks) {
        checks.nested("otlp", &self.otlp);
        checks.nested("metrics", &self.metrics);
    }
}

impl Validate for OtlpSettings {
    fn validate(&self, checks: &mut Checks) {
        let known = ["", "http://", "https://"];
        let scheme =
            self.endpoint.find("//").map_or("", |at| self.endpoint.get(..at + 2).unwrap_or_default());
        let is_address = self.endpoint.is_empty() || (known.contains(&scheme) && !scheme.is_empty());
        checks.ensure(is_address, "endpoint", "must be `http://host:port` or `https://host:port`");
        let bearable = |span: Duration| !span.is_zero() && span <= Duration::from_secs(600);
        checks.ensure(bearable(self.timeout), "timeout", "must be longer than 0s and at most 10m");
        checks.ensure(bearable(self.interval), "interval", "must be longer than 0s and at most 10m");
        checks.ensure(
            self.give_up_after <= Duration::from_secs(86_400),
            "give_up_after",
            "must be at most 24h",
        );
        checks.ensure((1..=1_000_000).contains(&self.span_queue), "span_queue", "must be 1 to 1,000,000");
        let buffer = ByteSize::kib(64)..=ByteSize::mib(1024);
        checks.ensure(buffer.contains(&self.log_buffer), "log_buffer", "must be 64KiB to 1GiB");
        let is_share = self.ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio));
        checks.ensure(is_share, "ratio", "must be 0 to 1");
    }
}

impl Validate for MetricsSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.series_per_metric > 0, "series_per_metric", "must be at least 1");
        let ascends = |bounds: &Vec<f64>| !bounds.is_empty() && bounds.is_sorted_by(|a, b| a < b);
        checks.ensure(self.buckets.values().all(ascends), "buckets", "must be ascending and not empty");
        let bearable = !self.upkeep.is_zero() && self.upkeep <= Duration::from_secs(60);
        checks.ensure(bearable, "upkeep", "must be longer than 0s and at most 1m");
    }
}
