use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use slog::{Drain, Never, OwnedKVList, Record};

use crate::{
    Context, JsonFormat, LevelHandle, LevelRules, Redaction, TerminalFormat,
    sink::Sink,
    stream::format::Format,
    stream::level_handle::Decision,
    stream::pipeline::Pipeline,
    stream::record::RecordMeta,
    stream::slog_source::{SlogSource, level_of},
};

/// A [`slog::Drain`] that writes JSON lines: for existing slog code, alone or into the stream of a
/// [`SlogLogger`](crate::SlogLogger) (see [`SlogLogger::slog`](crate::SlogLogger::slog)).
///
/// It carries the context of [`Context::scope`], if there is one. It never fails, and needs neither `Mutex` nor
/// `Async` around it. Values of slog's feature `nested-values` are written with this crate's feature of the same name; without
/// it they, and fields that slog hands over after them, are left out, and `log_error` in the record says so.
///
/// # Examples
///
/// ```
/// use slog::{Drain, Logger, info, o};
/// use underpin_logger::{JsonDrain, sink::MemorySink};
///
/// let sink = MemorySink::new();
/// let log = Logger::root(JsonDrain::new(sink.clone()), o!("component" => "billing"));
/// info!(log, "invoice sent"; "cents" => 700);
/// assert!(sink.text().ends_with("\"cents\":700,\"component\":\"billing\"}\n"));
/// ```
#[derive(Clone)]
pub struct JsonDrain(StreamDrain);

/// A [`slog::Drain`] that writes for people at a terminal; otherwise like [`JsonDrain`].
#[derive(Clone)]
pub struct TerminalDrain(StreamDrain);

impl JsonDrain {
    /// JSON lines in the default format, at `info` and above.
    pub fn new(sink: impl Sink + 'static) -> Self {
        Self::with(sink, JsonFormat::new(), LevelHandle::new(LevelRules::default()))
    }

    /// JSON lines in a format of your own, filtered by rules that can change.
    pub fn with(sink: impl Sink + 'static, format: JsonFormat, levels: LevelHandle) -> Self {
        let pipeline = Pipeline::new(Format::Json(format), Redaction::default(), Arc::new(sink), None);
        Self(StreamDrain::new(Arc::new(pipeline), levels))
    }
}

impl TerminalDrain {
    /// Text with colours as the environment allows, at `info` and above.
    pub fn new(sink: impl Sink + 'static) -> Self {
        Self::with(sink, TerminalFormat::from_env(), LevelHandle::new(LevelRules::default()))
    }

    /// Text in a format of your own, filtered by rules that can change.
    pub fn with(sink: impl Sink + 'static, format: TerminalFormat, levels: LevelHandle) -> Self {
        let pipeline = Pipeline::new(Format::Terminal(format), Redaction::default(), Arc::new(sink), None);
        Self(StreamDrain::new(Arc::new(pipeline), levels))
    }
}

/// A drain into whatever a logger writes to. Unwind safe because nothing here is left half changed by a panic: lines are
/// built in private and handed over whole.
#[derive(Clone)]
pub(crate) struct StreamDrain(Arc<AssertUnwindSafe<(Arc<Pipeline>, LevelHandle)>>);

impl StreamDrain {
    pub(crate) fn new(pipeline: Arc<Pipeline>, levels: LevelHandle) -> Self {
        Self(Arc::new(AssertUnwindSafe((pipeline, levels))))
    }
}

impl Drain for StreamDrain {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        let (pipeline, levels) = &**self.0;
        let target = if record.tag().is_empty() { record.module() } else { record.tag() };
        let (level, ctx) = (level_of(record.level()), Context::current());
        let decision = levels.decision(level, target, &ctx);
        if decision != Decision::Skip {
            let meta = RecordMeta {
                level,
                ctx: &ctx,
                target,
                location: (!record.file().is_empty()).then(|| (record.file(), record.line())),
                error: None,
                since_epoch: crate::random::since_epoch(),
            };
            pipeline.emit(decision, &meta, &SlogSource { record, values });
        }
        Ok(())
    }

    fn is_enabled(&self, level: slog::Level) -> bool {
        let (_, levels) = &**self.0;
        levels.may_allow(level_of(level))
    }

    fn flush(&self) -> Result<(), slog::FlushError> {
        /// slog passes no deadline.
        const DEADLINE: Duration = Duration::from_secs(5);

        let (pipeline, _) = &**self.0;
        pipeline.flush(DEADLINE).map_err(|error| slog::FlushError::Custom(Box::new(error)))
    }
}

macro_rules! drain {
    ($($name:ident),+) => {$(
        impl Drain for $name {
            type Ok = ();
            type Err = Never;

            fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
                self.0.log(record, values)
            }

            fn is_enabled(&self, level: slog::Level) -> bool {
                self.0.is_enabled(level)
            }

            fn flush(&self) -> Result<(), slog::FlushError> {
                self.0.flush()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0.0.0).finish()
            }
        }
    )+};
}

drain!(JsonDrain, TerminalDrain);
