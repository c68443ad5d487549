use std::{sync::Arc, time::Duration};

use log::kv::{self, VisitSource, VisitValue};

use crate::tag::FieldKey;
use crate::{
    Context, Level, LevelHandle, SlogLogger, Value,
    stream::level_handle::Decision,
    stream::pipeline::Pipeline,
    stream::record::{RecordMeta, RecordSource},
};

/// A [`log::Log`] that writes records of the `log` crate, with their key-values, into a logger's stream.
///
/// [`SlogLogger::install`](crate::SlogLogger::install) sets one up for the whole process. Inside of a logger of your own,
/// `log::set_max_level` is yours to call, once with the most verbose level that the rules may ever reach.
///
/// # Examples
/// ```
/// use log::{Level, Log, Record};
/// use underpin_logger::{JsonFormat, LogBridge, SlogLogger, sink::MemorySink};
///
/// let sink = MemorySink::new();
/// let logger = SlogLogger::json(JsonFormat::new()).sink(sink.clone()).build();
/// let bridge = LogBridge::new(&logger).expect("a logger that writes lines itself");
///
/// // What `log::warn!` does, once `log::set_boxed_logger` has the bridge.
/// bridge.log(&Record::builder().level(Level::Warn).target("legacy").args(format_args!("disk full")).build());
/// let line = sink.lines().concat();
/// assert!(line.contains(r#""msg":"disk full""#) && line.contains(r#""target":"legacy""#), "{line}");
/// ```
#[derive(Debug, Clone)]
pub struct LogBridge {
    pipeline: Arc<Pipeline>,
    levels: LevelHandle,
}

impl LogBridge {
    /// A bridge into the stream of `logger`; `None` when that logger writes through slog.
    pub fn new(logger: &SlogLogger) -> Option<Self> {
        Some(Self { pipeline: Arc::clone(logger.pipeline()?), levels: logger.levels().clone() })
    }
}

impl log::Log for LogBridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        let level = level_of(metadata.level());
        self.levels.may_allow(level) && self.levels.wants(level, metadata.target(), &Context::current())
    }

    fn log(&self, record: &log::Record<'_>) {
        let (level, ctx) = (level_of(record.level()), Context::current());
        let decision = self.levels.decision(level, record.target(), &ctx);
        if decision != Decision::Skip {
            let meta = RecordMeta {
                level,
                ctx: &ctx,
                target: record.target(),
                location: record.file().zip(record.line()),
                error: None,
                since_epoch: crate::random::since_epoch(),
            };
            self.pipeline.emit(decision, &meta, &LogSource(record));
        }
    }

    fn flush(&self) {
        /// `log` names no deadline and takes no answer.
        const DEADLINE: Duration = Duration::from_secs(5);

        let _ignored = self.pipeline.flush(DEADLINE);
    }
}

struct LogSource<'a>(&'a log::Record<'a>);

impl RecordSource for LogSource<'_> {
    fn message(&self, put: &mut dyn FnMut(Value<'_>)) {
        put(Value::Display(self.0.args()));
    }

    fn sampling_key(&self) -> (&str, u32) {
        (self.0.file().unwrap_or(self.0.target()), self.0.line().unwrap_or_default())
    }

    fn fields(&self, put: &mut impl FnMut(FieldKey<'_>, Value<'_>)) {
        if self.0.key_values().visit(&mut Pairs(put)).is_err() {
            put("log_error".into(), Value::Str("a field of this record could not be written"));
        }
    }
}

struct Pairs<'p, F: FnMut(FieldKey<'_>, Value<'_>)>(&'p mut F);

impl<'kvs, F: FnMut(FieldKey<'_>, Value<'_>)> VisitSource<'kvs> for Pairs<'_, F> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        value.visit(Pair { key: key.as_str(), put: self.0 })
    }
}

struct Pair<'p, F: FnMut(FieldKey<'_>, Value<'_>)> {
    key: &'p str,
    put: &'p mut F,
}

macro_rules! visit {
    ($($method:ident: $ty:ty => $variant:ident;)+) => {$(
        fn $method(&mut self, value: $ty) -> Result<(), kv::Error> {
            (self.put)(self.key.into(), Value::$variant(value));
            Ok(())
        }
    )+};
}

impl<'v, F: FnMut(FieldKey<'_>, Value<'_>)> VisitValue<'v> for Pair<'_, F> {
    visit! {
        visit_bool: bool => Bool;
        visit_i64: i64 => I64;
        visit_u64: u64 => U64;
        visit_i128: i128 => I128;
        visit_u128: u128 => U128;
        visit_f64: f64 => F64;
        visit_str: &str => Str;
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        (self.put)(self.key.into(), Value::Null);
        Ok(())
    }

    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        (self.put)(self.key.into(), Value::Display(&value));
        Ok(())
    }
}

const fn level_of(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::Error,
        log::Level::Warn => Level::Warn,
        log::Level::Info => Level::Info,
        log::Level::Debug => Level::Debug,
        log::Level::Trace => Level::Trace,
    }
}
