use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate};

use crate::{JsonFormat, LevelRules, LogFormat, LogOutput, LogSink, SamplingSettings, sink::BufferedSink};

/// The largest of each setting that is a size: more is a mistake of the unit, and would be memory of the service.
const LARGEST_BUFFER: ByteSize = ByteSize::mib(1024);
const LARGEST_RECORD: ByteSize = ByteSize::mib(16);
/// The name is on every line.
const LONGEST_SERVICE: usize = 256;

/// How a service logs.
///
/// # Examples
///
/// ```
/// use underpin_logger::{LogFormat, LoggerSettings};
///
/// let settings: LoggerSettings = serde_json::from_str(r#"{"level": "info,sqlx=debug", "format": "json"}"#)?;
/// assert_eq!(settings.format, LogFormat::Json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LoggerSettings {
    /// The level rules, such as `info,sqlx=debug,orders::payment=trace`; see [`LevelRules`].
    pub level: String,
    /// How a record looks.
    pub format: LogFormat,
    /// Where records go.
    pub output: LogOutput,
    /// Whether records are gathered before they are written.
    pub sink: LogSink,
    /// The size of the buffer of [`LogSink::Buffered`], at least 64 KiB.
    pub buffer: ByteSize,
    /// The cap on a JSON record, newline included, at least 1 KiB and no larger than a buffer.
    pub max_record: ByteSize,
    /// The name of the service on every JSON line; left out when empty.
    pub service: String,
    /// Keys to redact besides those of [`Redaction::DEFAULT`](crate::Redaction::DEFAULT): keys of fields, not those
    /// inside of the text of a value; see [`Redaction`](crate::Redaction).
    pub redact: Vec<String>,
    /// Keys to show although they are in [`Redaction::DEFAULT`](crate::Redaction::DEFAULT), such as `db.statement`.
    pub reveal: Vec<String>,
    /// Which repeated records are dropped; none by default.
    pub sampling: SamplingSettings,
    /// How many bytes of what the level rules keep out of the log are held for each request, and written if it fails;
    /// none are where this is not set. No larger than a buffer. `RequestLayer::configured` (feature `tower`) follows it.
    pub flight_recorder: Option<ByteSize>,
    /// How the file of `output` is rotated; not at all where this is not set.
    #[cfg(feature = "rotation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<crate::RotationSettings>,
    /// Keeps the records for an exporter that is attached later ([`DeferredSink`](crate::sink::DeferredSink)); they are JSON then, also at
    /// a terminal. `underpin-telemetry` exports them to a collector.
    pub export: bool,
}

impl LoggerSettings {
    /// The defaults, with the level of the environment variable `LOG_LEVEL` and the format of `LOG_FORMAT` where they
    /// are set.
    ///
    /// An unknown format counts as `auto`; a wrong level is found by [`init`](crate::init).
    pub fn from_env() -> Self {
        let defaults = Self::default();
        let set = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let format = match set("LOG_FORMAT").as_deref() {
            Some("json") => LogFormat::Json,
            Some("terminal" | "text" | "pretty") => LogFormat::Terminal,
            _ => LogFormat::Auto,
        };
        Self { level: set("LOG_LEVEL").unwrap_or(defaults.level), format, ..Self::default() }
    }

    /// Sets `level`.
    #[must_use]
    pub fn level(mut self, rules: impl Into<String>) -> Self {
        self.level = rules.into();
        self
    }

    /// Sets `format`.
    #[must_use]
    pub const fn format(mut self, format: LogFormat) -> Self {
        self.format = format;
        self
    }

    /// Sets `output`.
    #[must_use]
    pub fn output(mut self, output: LogOutput) -> Self {
        self.output = output;
        self
    }

    /// Sets `sink`.
    #[must_use]
    pub const fn sink(mut self, sink: LogSink) -> Self {
        self.sink = sink;
        self
    }

    /// Sets `buffer`.
    #[must_use]
    pub const fn buffer(mut self, size: ByteSize) -> Self {
        self.buffer = size;
        self
    }

    /// Sets `max_record`.
    #[must_use]
    pub const fn max_record(mut self, size: ByteSize) -> Self {
        self.max_record = size;
        self
    }

    /// Sets `service`.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        self
    }

    /// Sets `redact`.
    #[must_use]
    pub fn redact(mut self, keys: impl IntoIterator<Item: Into<String>>) -> Self {
        self.redact = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Sets `reveal`.
    #[must_use]
    pub fn reveal(mut self, keys: impl IntoIterator<Item: Into<String>>) -> Self {
        self.reveal = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Sets `sampling`.
    #[must_use]
    pub const fn sampling(mut self, sampling: SamplingSettings) -> Self {
        self.sampling = sampling;
        self
    }

    /// Sets `flight_recorder`.
    #[must_use]
    pub fn flight_recorder(mut self, size: impl Into<Option<ByteSize>>) -> Self {
        self.flight_recorder = size.into();
        self
    }

    /// Sets `rotation`.
    #[cfg(feature = "rotation")]
    #[must_use]
    pub fn rotation(mut self, rotation: impl Into<Option<crate::RotationSettings>>) -> Self {
        self.rotation = rotation.into();
        self
    }

    /// Keeps the records for an exporter: `export`.
    #[must_use]
    pub const fn exported(mut self) -> Self {
        self.export = true;
        self
    }
}

impl LoggerSettings {
    /// What is handed over at once is to have room in an empty buffer: a single record, and what one request left.
    fn fits_into(&self, buffer: ByteSize, checks: &mut Checks, message: &'static str) {
        checks.ensure(self.max_record <= buffer, "max_record", message);
        checks.ensure(self.flight_recorder.is_none_or(|held| held <= buffer), "flight_recorder", message);
    }
}

impl Default for LoggerSettings {
    fn default() -> Self {
        Self {
            level: LevelRules::default().to_string(),
            format: LogFormat::Auto,
            output: LogOutput::Stdout,
            sink: LogSink::Auto,
            buffer: ByteSize::new(BufferedSink::CAPACITY as u64),
            max_record: ByteSize::new(JsonFormat::CAP as u64),
            service: String::new(),
            redact: Vec::new(),
            reveal: Vec::new(),
            sampling: SamplingSettings::default(),
            flight_recorder: None,
            #[cfg(feature = "rotation")]
            rotation: None,
            export: false,
        }
    }
}

impl Validate for LoggerSettings {
    fn validate(&self, checks: &mut Checks) {
        #[cfg(feature = "rotation")]
        {
            checks.nested("rotation", &self.rotation);
            let has_file = self.rotation.is_none() || matches!(self.output, LogOutput::File(_));
            checks.ensure(has_file, "rotation", "needs a file as `output`");
        }
        let clash = self.export && self.format == LogFormat::Terminal;
        checks.ensure(!clash, "format", "must not be `terminal` where records are exported");
        let rules = self.level.parse::<LevelRules>();
        checks.ensure(rules.is_ok(), "level", "must be level rules such as `info,sqlx=warn`");
        let named = !matches!(&self.output, LogOutput::File(path) if path.as_os_str().is_empty());
        checks.ensure(named, "output", "must name a file");
        let buffer = BufferedSink::BATCH..=LARGEST_BUFFER.as_usize();
        checks.ensure(buffer.contains(&self.buffer.as_usize()), "buffer", "must be 64KiB to 1GiB");
        let record = JsonFormat::MIN_CAP..=LARGEST_RECORD.as_usize();
        checks.ensure(record.contains(&self.max_record.as_usize()), "max_record", "must be 1KiB to 16MiB");
        let held = self.flight_recorder.is_none_or(|held| held.bytes() > 0 && held <= LARGEST_RECORD);
        checks.ensure(held, "flight_recorder", "must be more than 0B and at most 16MiB");
        checks.ensure(self.service.len() <= LONGEST_SERVICE, "service", "must have at most 256 bytes");
        let keys = self.redact.iter().chain(&self.reveal);
        checks.ensure(keys.clone().all(|key| !key.is_empty()), "redact", "must not have an empty key");
        checks.nested("sampling", &self.sampling);
        if self.sink != LogSink::Direct {
            self.fits_into(self.buffer, checks, "must not be larger than `buffer`");
        }
    }
}
