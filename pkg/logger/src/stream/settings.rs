use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate};

use crate::{JsonFormat, LevelRules, Sampling, sink::BufferedSink};

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
    /// What is left out of what repeats; by default nothing is.
    pub sampling: SamplingSettings,
    /// How many bytes of what the level rules keep out of the log are held for each request, and written if it fails;
    /// none are where this is not set. No larger than a buffer. `RequestLayer::configured` (feature `tower`) follows it.
    pub flight_recorder: Option<ByteSize>,
    /// A collector that gets the records too; they are JSON then, also at a terminal.
    #[cfg(feature = "otel")]
    pub otlp: Option<crate::otel::OtlpSettings>,
}

/// What is left out of what repeats; see [`Sampling`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SamplingSettings {
    /// How many records of one message are all written each second; all of them where this is not set.
    pub first: Option<u32>,
    /// After the first: each how-many-th record is written; 0 for none.
    pub then_every: u32,
    /// The most records a second in all, of those that may be left out; no limit where this is not set.
    pub at_most: Option<u32>,
}

impl SamplingSettings {
    /// What these settings ask for; `None` where nothing is to be left out.
    pub fn sampling(&self) -> Option<Sampling> {
        let of_one = Sampling::new().first(self.first.unwrap_or(u32::MAX)).then_every(self.then_every);
        match self.at_most {
            Some(limit) => Some(of_one.at_most(limit)),
            None => self.first.map(|_| of_one),
        }
    }
}

impl Default for SamplingSettings {
    fn default() -> Self {
        Self { first: None, then_every: Sampling::EVERY, at_most: None }
    }
}

/// How a record looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogFormat {
    /// Text for people when the output is a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// Text for people.
    Terminal,
}

/// Where records go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogOutput {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
    /// A file that is appended to.
    File(PathBuf),
}

/// Whether records are gathered before they are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogSink {
    /// Direct on a terminal, buffered otherwise.
    #[default]
    Auto,
    /// Each record at once; see [`DirectSink`](crate::sink::DirectSink).
    Direct,
    /// In batches; see [`BufferedSink`].
    Buffered,
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

    /// Names the service on every JSON line.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
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
            #[cfg(feature = "otel")]
            otlp: None,
        }
    }
}

impl Validate for LoggerSettings {
    fn validate(&self, checks: &mut Checks) {
        #[cfg(feature = "otel")]
        {
            checks.nested("otlp", &self.otlp);
            let clash = self.otlp.is_some() && self.format == LogFormat::Terminal;
            checks.ensure(!clash, "format", "must not be `terminal` where records are exported");
        }
        let rules = self.level.parse::<LevelRules>();
        checks.ensure(rules.is_ok(), "level", "must be level rules such as `info,sqlx=warn`");
        checks.ensure(self.buffer.as_usize() >= BufferedSink::BATCH, "buffer", "must be at least 64KiB");
        checks.ensure(
            self.max_record.as_usize() >= JsonFormat::MIN_CAP,
            "max_record",
            "must be at least 1KiB",
        );
        if self.sink != LogSink::Direct {
            self.fits_into(self.buffer, checks, "must not be larger than `buffer`");
        }
        #[cfg(feature = "otel")]
        if let Some(otlp) = &self.otlp {
            self.fits_into(otlp.buffer, checks, "must not be larger than `otlp.buffer`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_unknown_keys_are_refused() {
        assert!(Checks::of(&LoggerSettings::default()).failures().is_empty());
        assert!(serde_json::from_str::<LoggerSettings>(r#"{"levle": "info"}"#).is_err());
        let file: LoggerSettings =
            serde_json::from_str(r#"{"output": {"file": "/var/log/orders.log"}}"#).unwrap();
        assert_eq!(file.output, LogOutput::File("/var/log/orders.log".into()));
        let sampled: LoggerSettings =
            serde_json::from_str(r#"{"sampling": {"first": 5}, "flight_recorder": "16KiB"}"#).unwrap();
        assert_eq!(sampled.sampling, SamplingSettings { first: Some(5), ..SamplingSettings::default() });
        assert!(sampled.sampling.sampling().is_some());
        assert!(LoggerSettings::default().sampling.sampling().is_none());
        assert_eq!(sampled.flight_recorder, Some(ByteSize::kib(16)));
    }

    #[test]
    fn wrong_values_are_named_by_key() {
        let settings =
            LoggerSettings { level: "loud".into(), buffer: ByteSize::kib(16), ..LoggerSettings::default() };
        let checks = Checks::of(&settings);
        let keys: Vec<_> = checks.failures().iter().map(underpin_config::FailedCheck::key).collect();
        assert_eq!(keys, ["level", "buffer"]);
    }

    #[test]
    fn what_does_not_fit_into_the_buffer_is_named_where_there_is_one() {
        let settings = LoggerSettings {
            buffer: ByteSize::kib(64),
            max_record: ByteSize::kib(65),
            flight_recorder: Some(ByteSize::kib(65)),
            ..LoggerSettings::default()
        };
        let checks = Checks::of(&settings);
        let keys: Vec<_> = checks.failures().iter().map(underpin_config::FailedCheck::key).collect();
        assert_eq!(keys, ["max_record", "flight_recorder"]);
        let direct = LoggerSettings { sink: LogSink::Direct, ..settings.clone() };
        assert!(Checks::of(&direct).failures().is_empty());
        let fits = LoggerSettings {
            max_record: settings.buffer,
            flight_recorder: Some(settings.buffer),
            ..settings.clone()
        };
        assert!(Checks::of(&fits).failures().is_empty());
        #[cfg(feature = "otel")]
        {
            let otlp = crate::otel::OtlpSettings { buffer: ByteSize::kib(64), ..Default::default() };
            let exported = LoggerSettings { otlp: Some(otlp), ..direct };
            assert_eq!(Checks::of(&exported).failures().len(), 2);
        }
    }
}
