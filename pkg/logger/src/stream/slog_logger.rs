use std::{io, sync::Arc, time::Duration};

use crate::{
    Context, Entry, FlushError, Level, LevelHandle, LevelRules, Logger, LoggerBuilder, Redaction, sink::Sink,
    stream::drain::Shared, stream::level_handle::Verdict, stream::pipeline::Pipeline, stream::record::Head,
    stream::slog_source,
};

/// The logger of a service: entries go straight into the encoder, and existing slog code joins the same stream through
/// [`SlogLogger::slog`].
///
/// Clones share everything. Records are on their way when [`Logger::log`] returns and written when [`Logger::flush`]
/// says so; [`crate::init`] makes one with a guard that flushes at the end.
///
/// # Examples
///
/// ```
/// use underpin_logger::{Context, JsonFormat, RequestId, SlogLogger, info, sink::MemorySink};
///
/// let sink = MemorySink::new();
/// let log = SlogLogger::json(JsonFormat::new().service("orders")).sink(sink.clone()).build();
///
/// info!(log, &Context::new(RequestId::parse("req-42")?), "order accepted", order_id = 7, items = 3);
///
/// let line: serde_json::Value = serde_json::from_str(&sink.text())?;
/// assert_eq!(line["msg"], "order accepted");
/// assert_eq!(line["request_id"], "req-42");
/// assert_eq!(line["order_id"], 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SlogLogger {
    levels: LevelHandle,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Encoder(Arc<Pipeline>),
    Slog { logger: slog::Logger, redact: Arc<Redaction> },
}

impl SlogLogger {
    /// Starts a logger that writes JSON lines.
    pub fn json(format: crate::JsonFormat) -> LoggerBuilder {
        LoggerBuilder::new(crate::stream::format::Format::Json(format))
    }

    /// Starts a logger that writes for people at a terminal.
    pub fn terminal(format: crate::TerminalFormat) -> LoggerBuilder {
        LoggerBuilder::new(crate::stream::format::Format::Terminal(format))
    }

    /// A logger that hands its records to any drain of slog's world, filtered by `rules` first, with [`Redaction::default`].
    ///
    /// What the drain promises is all that holds then: how a line looks, what is lost, whether a value may panic.
    pub fn from_slog(logger: slog::Logger, rules: LevelRules) -> Self {
        let redact = Arc::new(Redaction::default());
        Self { levels: LevelHandle::new(rules), way: Way::Slog { logger, redact } }
    }

    pub(crate) const fn from_parts(pipeline: Arc<Pipeline>, levels: LevelHandle) -> Self {
        Self { levels, way: Way::Encoder(pipeline) }
    }

    /// A logger for slog code whose records enter this logger's stream.
    pub fn slog(&self) -> slog::Logger {
        match &self.way {
            Way::Encoder(pipeline) => {
                slog::Logger::root(Shared::new(Arc::clone(pipeline), self.levels.clone()), slog::o!())
            }
            Way::Slog { logger, .. } => logger.clone(),
        }
    }

    /// The level rules, to look at and to change while the service runs.
    pub const fn levels(&self) -> &LevelHandle {
        &self.levels
    }

    /// How many lines the sink lost since it was made. The stream says so too, with `log records dropped`.
    pub fn dropped(&self) -> u64 {
        match &self.way {
            Way::Encoder(pipeline) => pipeline.dropped(),
            Way::Slog { .. } => 0,
        }
    }

    /// Opens the log file anew, after a log rotation has moved it away. Call it on SIGHUP.
    ///
    /// # Errors
    ///
    /// What opening the file reports; logging goes on into the old file then.
    pub fn reopen(&self) -> io::Result<()> {
        match &self.way {
            Way::Encoder(pipeline) => pipeline.sink.reopen(),
            Way::Slog { .. } => Ok(()),
        }
    }

    /// Where lines go; `None` for a logger over slog.
    pub fn sink(&self) -> Option<&Arc<dyn Sink>> {
        match &self.way {
            Way::Encoder(pipeline) => Some(&pipeline.sink),
            Way::Slog { .. } => None,
        }
    }

    /// Makes this logger the process-wide target of the crates `tracing` and `log`.
    ///
    /// # Errors
    ///
    /// [`BridgeError`](crate::BridgeError) when somebody else has done so before, or when this logger was made by
    /// [`SlogLogger::from_slog`].
    #[cfg(feature = "bridges")]
    pub fn install(&self) -> Result<(), crate::BridgeError> {
        crate::bridge::install(self)
    }

    #[cfg(feature = "bridges")]
    pub(crate) const fn pipeline(&self) -> Option<&Arc<Pipeline>> {
        match &self.way {
            Way::Encoder(pipeline) => Some(pipeline),
            Way::Slog { .. } => None,
        }
    }
}

impl Logger for SlogLogger {
    fn enabled(&self, level: Level, target: &str, ctx: &Context) -> bool {
        self.levels.wants(level, target, ctx)
    }

    fn log<'a>(&self, entry: &Entry<'a>) {
        // slog's own Logger::log skips this check; whoever calls past the macros is still held to the rules.
        match (self.levels.verdict(entry.level, entry.site.target, entry.ctx), &self.way) {
            (Verdict::Skip, _) => {}
            (verdict, Way::Encoder(pipeline)) => pipeline.take(verdict, &Head::of(entry), entry),
            (Verdict::Write, Way::Slog { logger, redact }) => slog_source::hand_over(logger, redact, entry),
            // A recorder holds lines of ours; slog's drains make their own.
            (Verdict::Hold, Way::Slog { .. }) => {}
        }
    }

    fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        match &self.way {
            Way::Encoder(pipeline) => pipeline.flush(deadline),
            Way::Slog { logger, .. } => match logger.flush() {
                Ok(()) | Err(slog::FlushError::NotSupported) => Ok(()),
                Err(slog::FlushError::Io(error)) => Err(FlushError::Sink(error)),
                Err(error) => Err(FlushError::Sink(io::Error::other(error.to_string()))),
            },
        }
    }
}
