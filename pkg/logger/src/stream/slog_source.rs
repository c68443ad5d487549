//! slog's records as ours, and ours as slog's.

use std::fmt;

use slog::{BorrowedKV, KV as _, Key, Level as SlogLevel, OwnedKVList, Record, Serializer};

use crate::key;
use crate::tag::FieldKey;
use crate::{Entry, Level, Redaction, RequestId, TraceParent, Value, stream::record::RecordSource};

/// A record that came through slog.
pub(crate) struct SlogSource<'a> {
    pub(crate) record: &'a Record<'a>,
    pub(crate) values: &'a OwnedKVList,
}

impl RecordSource for SlogSource<'_> {
    fn message(&self, put: &mut dyn FnMut(Value<'_>)) {
        put(Value::Display(self.record.msg()));
    }

    fn sampling_key(&self) -> (&str, u32) {
        (self.record.file(), self.record.line())
    }

    fn fields(&self, put: &mut impl FnMut(FieldKey<'_>, Value<'_>)) {
        // The record's own values come first: they win over those of its logger, and a child's over its parent's.
        let mut fields = Fields(put);
        let record = self.record.kv().serialize(self.record, &mut fields);
        let values = self.values.serialize(self.record, &mut fields);
        if record.and(values).is_err() {
            put("log_error".into(), Value::Str("a field of this record could not be written"));
        }
    }
}

struct Fields<'f, F: FnMut(FieldKey<'_>, Value<'_>)>(&'f mut F);

macro_rules! emit {
    ($($method:ident: $ty:ty => $variant:ident;)+) => {$(
        fn $method(&mut self, key: Key, value: $ty) -> slog::Result {
            (self.0)(name(&key).into(), Value::$variant(value.into()));
            Ok(())
        }
    )+};
}

impl<F: FnMut(FieldKey<'_>, Value<'_>)> Serializer for Fields<'_, F> {
    emit! {
        emit_bool: bool => Bool;
        emit_u8: u8 => U64;
        emit_u16: u16 => U64;
        emit_u32: u32 => U64;
        emit_u64: u64 => U64;
        emit_i8: i8 => I64;
        emit_i16: i16 => I64;
        emit_i32: i32 => I64;
        emit_i64: i64 => I64;
        emit_u128: u128 => U128;
        emit_i128: i128 => I128;
        emit_f32: f32 => F64;
        emit_f64: f64 => F64;
        emit_str: &str => Str;
    }

    fn emit_usize(&mut self, key: Key, value: usize) -> slog::Result {
        self.emit_u64(key, value as u64)
    }

    fn emit_isize(&mut self, key: Key, value: isize) -> slog::Result {
        self.emit_i64(key, value as i64)
    }

    fn emit_char(&mut self, key: Key, value: char) -> slog::Result {
        self.emit_str(key, value.encode_utf8(&mut [0; 4]))
    }

    fn emit_unit(&mut self, key: Key) -> slog::Result {
        self.emit_none(key)
    }

    fn emit_none(&mut self, key: Key) -> slog::Result {
        (self.0)(name(&key).into(), Value::Null);
        Ok(())
    }

    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        (self.0)(name(&key).into(), Value::Display(value));
        Ok(())
    }

    fn emit_error(&mut self, key: Key, error: &(dyn std::error::Error + 'static)) -> slog::Result {
        (self.0)(name(&key).into(), Value::Error(error));
        Ok(())
    }

    #[cfg(feature = "nested-values")]
    fn emit_serde(&mut self, key: Key, value: &dyn slog::SerdeValue) -> slog::Result {
        let value = value.as_serde();
        (self.0)(name(&key).into(), Value::Nested(crate::Nested::new(&value)));
        Ok(())
    }
}

/// A key is a `&'static str`, unless some crate in the graph enables slog's `dynamic-keys`.
fn name<K: AsRef<str> + ?Sized>(key: &K) -> &str {
    key.as_ref()
}

#[allow(clippy::useless_conversion, reason = "with slog's dynamic-keys a key is a separate type")]
fn slog_key(name: &'static str) -> Key {
    name.into()
}

pub(crate) const fn level_of(level: SlogLevel) -> Level {
    match level {
        SlogLevel::Critical => Level::Fatal,
        SlogLevel::Error => Level::Error,
        SlogLevel::Warning => Level::Warn,
        SlogLevel::Info => Level::Info,
        SlogLevel::Debug => Level::Debug,
        SlogLevel::Trace => Level::Trace,
    }
}

pub(crate) const fn slog_level(level: Level) -> SlogLevel {
    match level {
        Level::Fatal => SlogLevel::Critical,
        Level::Error => SlogLevel::Error,
        Level::Warn => SlogLevel::Warning,
        Level::Info => SlogLevel::Info,
        Level::Debug => SlogLevel::Debug,
        Level::Trace => SlogLevel::Trace,
    }
}

/// Hands an entry to a logger of slog.
pub(crate) fn forward(logger: &slog::Logger, redact: &Redaction, entry: &Entry<'_>) {
    let location =
        slog::RecordLocation { file: "", line: entry.site.line, column: 0, function: "", module: "" };
    let fixed =
        slog::RecordStatic { location: &location, tag: entry.site.target, level: slog_level(entry.level) };
    let fields = EntryFields { entry, redact };
    logger.log(&Record::new(&fixed, &format_args!("{}", entry.msg), BorrowedKV(&fields)));
}

/// Context, error and tags in this order: slog's own macros would reverse them.
struct EntryFields<'a> {
    entry: &'a Entry<'a>,
    redact: &'a Redaction,
}

impl slog::KV for EntryFields<'_> {
    fn serialize(&self, _: &Record<'_>, out: &mut dyn Serializer) -> slog::Result {
        let ctx = self.entry.ctx;
        let context = [
            ("request_id", ctx.request_id().map(RequestId::as_str)),
            ("trace_id", ctx.trace().map(TraceParent::trace_id)),
            ("span_id", ctx.trace().map(TraceParent::span_id)),
            ("organization_id", ctx.organization_id()),
        ];
        for (key, value) in context {
            if let Some(value) = value {
                out.emit_str(slog_key(key), value)?;
            }
        }
        if let Some(error) = self.entry.error {
            out.emit_error(slog_key("error"), error)?;
        }
        for tag in self.entry.tags {
            let value = if self.redact.covers(tag.key()) { Value::Secret } else { tag.value() };
            // A tag cannot pass for what this writes itself.
            let key = match tag.key() {
                "error" if self.entry.error.is_some() => "error_",
                key => key::renamed(key).unwrap_or(key),
            };
            emit(out, slog_key(key), value)?;
        }
        Ok(())
    }
}

fn emit(out: &mut dyn Serializer, key: Key, value: Value<'_>) -> slog::Result {
    match value {
        Value::Null => out.emit_none(key),
        Value::Bool(value) => out.emit_bool(key, value),
        Value::I64(value) => out.emit_i64(key, value),
        Value::U64(value) => out.emit_u64(key, value),
        Value::I128(value) => out.emit_i128(key, value),
        Value::U128(value) => out.emit_u128(key, value),
        Value::F64(value) => out.emit_f64(key, value),
        Value::Str(value) => out.emit_str(key, value),
        Value::Error(value) => out.emit_error(key, value),
        Value::Duration(_) | Value::Path(_) | Value::Display(_) | Value::Debug(_) | Value::Secret => {
            out.emit_arguments(key, &format_args!("{value}"))
        }
        #[cfg(feature = "nested-values")]
        Value::Nested(value) => out.emit_arguments(key, &format_args!("{value}")),
    }
}
