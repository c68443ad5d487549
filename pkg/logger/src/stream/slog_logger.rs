use std::{io, sync::Arc, time::Duration};

use crate::{
    Context, Entry, FlushError, Level, LevelHandle, LevelRules, Logger, Redaction, sink::Sink,
    stream::drain::StreamDrain, stream::level_handle::Decision, stream::pipeline::Pipeline,
    stream::record::RecordMeta, stream::slog_source,
};

/// The logger of a service: entries go straight into the encoder, and existing slog code joins the same stream through
/// [`SlogLogger::slog`].
///
/// Clones share everything. A record is in the sink when [`Logger::log`] returns, and written when [`Logger::flush`] has
/// returned; [`crate::init`] makes one with a guard that flushes at the end.
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
    backend: Backend,
}

#[derive(Debug, Clone)]
enum Backend {
    Encoder(Arc<Pipeline>),
    Slog { logger: slog::Logger, redact: Arc<Redaction> },
}

impl SlogLogger {
    /// A logger that hands its records to any drain of slog's world, filtered by `rules` first, with [`Redaction::default`].
    ///
    /// What the drain promises is all that holds then: how a line looks, what is lost, whether a value may panic.
    pub fn from_slog(logger: slog::Logger, rules: LevelRules) -> Self {
        let redact = Arc::new(Redaction::default());
        Self { levels: LevelHandle::new(rules), backend: Backend::Slog { logger, redact } }
    }

    pub(crate) const fn from_parts(pipeline: Arc<Pipeline>, levels: LevelHandle) -> Self {
        Self { levels, backend: Backend::Encoder(pipeline) }
    }

    /// A logger for slog code whose records enter this logger's stream.
    pub fn slog(&self) -> slog::Logger {
        match &self.backend {
            Backend::Encoder(pipeline) => {
                slog::Logger::root(StreamDrain::new(Arc::clone(pipeline), self.levels.clone()), slog::o!())
            }
            Backend::Slog { logger, .. } => logger.clone(),
        }
    }

    /// The level rules, to look at and to change while the service runs.
    pub const fn levels(&self) -> &LevelHandle {
        &self.levels
    }

    /// How many lines the sink lost since it was made. The stream says so too, with `log records dropped`.
    pub fn dropped(&self) -> u64 {
        match &self.backend {
            Backend::Encoder(pipeline) => pipeline.dropped(),
            Backend::Slog { .. } => 0,
        }
    }

    /// Reopens the log file after a log rotation has moved it. Call it on SIGHUP.
    ///
    /// # Examples
    /// ```no_run
    /// # #[cfg(unix)] {
    /// use tokio::signal::unix::{SignalKind, signal};
    /// use underpin_logger::{Context, LogGuard, error};
    ///
    /// async fn reopen_on_hangup(guard: &LogGuard) -> std::io::Result<()> {
    ///     let mut hangup = signal(SignalKind::hangup())?;
    ///     while hangup.recv().await.is_some() {
    ///         if let Err(failed) = guard.logger().reopen() {
    ///             error!(guard.logger(), &Context::background(), &failed, "log file not reopened");
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What opening the file reports; logging goes on into the old file then.
    pub fn reopen(&self) -> io::Result<()> {
        match &self.backend {
            Backend::Encoder(pipeline) => pipeline.reopen(),
            Backend::Slog { .. } => Ok(()),
        }
    }

    /// Where lines go; `None` for a logger over slog.
    pub fn sink(&self) -> Option<&Arc<dyn Sink>> {
        match &self.backend {
            Backend::Encoder(pipeline) => Some(&pipeline.sink),
            Backend::Slog { .. } => None,
        }
    }

    #[cfg(feature = "bridges")]
    pub(crate) const fn pipeline(&self) -> Option<&Arc<Pipeline>> {
        match &self.backend {
            Backend::Encoder(pipeline) => Some(pipeline),
            Backend::Slog { .. } => None,
        }
    }
}

impl Logger for SlogLogger {
    fn enabled(&self, level: Level, target: &str, ctx: &Context) -> bool {
        self.levels.wants(level, target, ctx)
    }

    fn log<'a>(&self, entry: &Entry<'a>) {
        // The rules hold for calls past the macros, too; slog's Logger::log would skip them.
        match (self.levels.decision(entry.level, entry.site.target, entry.ctx), &self.backend) {
            (Decision::Skip, _) => {}
            (decision, Backend::Encoder(pipeline)) => pipeline.emit(decision, &RecordMeta::of(entry), entry),
            (Decision::Write, Backend::Slog { logger, redact }) => {
                slog_source::forward(logger, redact, entry);
            }
            // A recorder holds lines of ours; slog's drains make their own.
            (Decision::Record, Backend::Slog { .. }) => {}
        }
    }

    fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
        match &self.backend {
            Backend::Encoder(pipeline) => pipeline.flush(deadline),
            Backend::Slog { logger, .. } => match logger.flush() {
                Ok(()) | Err(slog::FlushError::NotSupported) => Ok(()),
                Err(slog::FlushError::Io(error)) => Err(FlushError::Sink(error)),
                Err(error) => Err(FlushError::Sink(io::Error::other(error.to_string()))),
            },
        }
    }
}
