use std::{fmt, io, sync::Arc};

use crate::{
    JsonFormat, LevelHandle, LevelRules, Redaction, Sampling, SlogLogger, TerminalFormat,
    sink::{DirectSink, Output, Sink},
    stream::format::Format,
    stream::pipeline::Pipeline,
};

/// Puts a [`SlogLogger`] together. Without a sink it writes to standard error, each line at once.
pub struct LoggerBuilder {
    format: Format,
    levels: LevelHandle,
    redact: Redaction,
    sink: Option<Arc<dyn Sink>>,
    sampling: Option<Sampling>,
}

impl SlogLogger {
    /// Starts a logger that writes JSON lines.
    pub fn json(format: JsonFormat) -> LoggerBuilder {
        LoggerBuilder::new(Format::Json(format))
    }

    /// Starts a logger that writes for people at a terminal.
    pub fn terminal(format: TerminalFormat) -> LoggerBuilder {
        LoggerBuilder::new(Format::Terminal(format))
    }
}

impl LoggerBuilder {
    fn new(format: Format) -> Self {
        let levels = LevelHandle::new(LevelRules::default());
        Self { format, levels, redact: Redaction::default(), sink: None, sampling: None }
    }

    /// Sets the level rules; `info` otherwise.
    #[must_use]
    pub fn levels(mut self, rules: LevelRules) -> Self {
        self.levels = LevelHandle::new(rules);
        self
    }

    /// Sets which keys are redacted; [`Redaction::default`] otherwise.
    #[must_use]
    pub fn redact(mut self, redact: Redaction) -> Self {
        self.redact = redact;
        self
    }

    /// Thins out what repeats; everything is written otherwise.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = Some(sampling);
        self
    }

    /// Sets where lines go.
    #[must_use]
    pub fn sink(self, sink: impl Sink + 'static) -> Self {
        self.shared_sink(Arc::new(sink))
    }

    /// Sets where lines go, to a sink that others use too.
    #[must_use]
    pub fn shared_sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// The logger.
    pub fn build(self) -> SlogLogger {
        // What is closed cannot be duplicated; the records are counted as lost then.
        let output = || Output::stderr().unwrap_or_else(|_| Output::writer(io::stderr()));
        let standard_error = || Arc::new(DirectSink::new(output())) as Arc<dyn Sink>;
        let sink = self.sink.unwrap_or_else(standard_error);
        SlogLogger::from_parts(
            Arc::new(Pipeline::new(self.format, self.redact, sink, self.sampling)),
            self.levels,
        )
    }
}

impl fmt::Debug for LoggerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggerBuilder")
            .field("format", &self.format)
            .field("levels", &self.levels)
            .finish_non_exhaustive()
    }
}
