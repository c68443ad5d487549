use std::{io, sync::Arc, time::Duration};

use crate::{
    JsonFormat, LevelRulesError, LogFormat, LogOutput, LogSink, Logger, LoggerSettings, Redaction,
    SlogLogger, TerminalFormat,
    sink::{BufferedSink, DeferredSink, DirectSink, Output, Overflow, Sink, TeeSink},
};

/// How many bytes of lines wait for an exporter that has not started yet.
const KEPT_FOR_EXPORT: usize = 1024 * 1024;

/// Sets up logging for a service: builds the logger, installs the bridges for `tracing` and `log` (feature `bridges`) and logs panics.
///
/// Keep the guard until the end of `main`; it flushes when it is dropped.
///
/// # Errors
///
/// [`InitError`] when the level rules are wrong, the output cannot be opened, or another subscriber or logger is
/// installed.
///
/// # Examples
///
/// ```
/// use underpin_logger::{Context, LogOutput, LoggerSettings, info, init};
///
/// let settings = LoggerSettings::from_env().output(LogOutput::Stderr).service("orders");
/// let log = init(&settings)?;
/// info!(log.logger(), &Context::background(), "service started", port = 8080);
/// # Ok::<(), underpin_logger::InitError>(())
/// ```
pub fn init(settings: &LoggerSettings) -> Result<LogGuard, InitError> {
    let logger = build(settings)?;
    #[cfg(feature = "bridges")]
    logger.install()?;
    crate::install_panic_hook(logger.clone());
    Ok(LogGuard { logger })
}

/// Keeps the log open; flushes it when dropped.
#[derive(Debug)]
#[must_use = "dropping the guard ends logging; keep it until the end of main"]
pub struct LogGuard {
    logger: SlogLogger,
}

impl LogGuard {
    /// How long the drop waits for the sink.
    pub const FLUSH: Duration = Duration::from_secs(2);

    /// The logger, for its levels, its counters and [`SlogLogger::slog`].
    pub const fn logger(&self) -> &SlogLogger {
        &self.logger
    }

    /// The logger as the rest of the service takes it.
    pub fn shared(&self) -> Arc<dyn Logger> {
        Arc::new(self.logger.clone())
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        // Call flush before to learn of a failure.
        let _late = self.logger.flush(Self::FLUSH);
    }
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The level rules are wrong.
    #[error("invalid log level rules")]
    Levels(#[source] LevelRulesError),
    /// The output cannot be opened, or the thread of the buffered sink not started.
    #[error("cannot open the log output")]
    Output(#[source] io::Error),
    /// Another subscriber of `tracing` or logger of `log` is installed in this process.
    #[cfg(feature = "bridges")]
    #[error("cannot install the logger for the process")]
    Bridge(#[from] crate::BridgeError),
}

fn build(settings: &LoggerSettings) -> Result<SlogLogger, InitError> {
    let rules = settings.level.parse().map_err(InitError::Levels)?;
    let output = match &settings.output {
        LogOutput::Stdout => Output::stdout(),
        LogOutput::Stderr => Output::stderr(),
        LogOutput::File(path) => file(settings, path),
    };
    let output = output.map_err(InitError::Output)?;
    let terminal = output.is_terminal();
    let sink: Arc<dyn Sink> = match settings.sink {
        LogSink::Direct => Arc::new(DirectSink::new(output)),
        LogSink::Auto if terminal => Arc::new(DirectSink::new(output)),
        LogSink::Auto | LogSink::Buffered => {
            let overflow = Overflow::Block(Duration::from_secs(1));
            let sink = BufferedSink::with(output, settings.buffer.as_usize(), overflow);
            Arc::new(sink.map_err(InitError::Output)?)
        }
    };
    let exported = settings.export;
    let sink: Arc<dyn Sink> = if exported {
        Arc::new(TeeSink::new().and_shared(sink).and(DeferredSink::install(KEPT_FOR_EXPORT)))
    } else {
        sink
    };
    let redact = settings.redact.iter().fold(Redaction::default(), |redact, key| redact.and(key));
    let redact = settings.reveal.iter().fold(redact, |redact, key| redact.allow(key));
    let text = match settings.format {
        LogFormat::Auto => terminal && !exported,
        LogFormat::Json => false,
        // A collector cannot read text.
        LogFormat::Terminal => !exported,
    };
    let builder = if text {
        SlogLogger::terminal(if terminal { TerminalFormat::from_env() } else { TerminalFormat::plain() })
    } else {
        let format = JsonFormat::new().cap(settings.max_record.as_usize());
        SlogLogger::json(if settings.service.is_empty() { format } else { format.service(&settings.service) })
    };
    let builder = builder.levels(rules).redact(redact).shared_sink(sink);
    Ok(match settings.sampling.sampling() {
        Some(sampling) => builder.sampling(sampling).build(),
        None => builder.build(),
    })
}

#[cfg(feature = "rotation")]
fn file(settings: &LoggerSettings, path: &std::path::Path) -> io::Result<Output> {
    match &settings.rotation {
        Some(rotation) => rotation.output(path),
        None => Output::file(path),
    }
}

#[cfg(not(feature = "rotation"))]
fn file(_: &LoggerSettings, path: &std::path::Path) -> io::Result<Output> {
    Output::file(path)
}
