use std::{
    fmt::{self, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
};

use tracing_core::field::{Field, Visit};

use crate::{
    Value,
    placeholders::{DISPLAY_FAILED, DISPLAY_PANICKED},
};

/// A field of a span, kept for the events inside it.
#[derive(Debug, Clone)]
pub(super) enum OwnedValue {
    Bool(bool),
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Text(String),
}

impl OwnedValue {
    /// The most of one text that is kept.
    const CAP: usize = 4 * 1024;

    pub(super) fn borrow(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::I64(value) => Value::I64(*value),
            Self::U64(value) => Value::U64(*value),
            Self::I128(value) => Value::I128(*value),
            Self::U128(value) => Value::U128(*value),
            Self::F64(value) => Value::F64(*value),
            Self::Text(value) => Value::Str(value),
        }
    }

    fn debug(value: &dyn fmt::Debug) -> Self {
        let mut text = CappedText(String::new());
        match catch_unwind(AssertUnwindSafe(|| write!(text, "{value:?}"))) {
            Ok(Ok(())) => {}
            Ok(Err(_)) if text.0.len() >= Self::CAP => {}
            Ok(Err(_)) => text.0 = DISPLAY_FAILED.to_owned(),
            Err(_) => text.0 = DISPLAY_PANICKED.to_owned(),
        }
        Self::Text(text.0)
    }
}

struct CappedText(String);

impl fmt::Write for CappedText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = OwnedValue::CAP.saturating_sub(self.0.len());
        self.0.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
        if text.len() > room { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The fields of a span, each key once; a later value replaces an earlier one.
#[derive(Debug, Default)]
pub(super) struct SpanFields(Vec<(&'static str, OwnedValue)>);

impl SpanFields {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, Value<'_>)> {
        self.0.iter().map(|(key, value)| (*key, value.borrow()))
    }

    pub(super) fn merge(&mut self, later: Self) {
        later.0.into_iter().for_each(|(key, value)| self.set(key, value));
    }

    fn set(&mut self, key: &'static str, value: OwnedValue) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }
}

impl Visit for SpanFields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), OwnedValue::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), OwnedValue::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), OwnedValue::U64(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.set(field.name(), OwnedValue::I128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.set(field.name(), OwnedValue::U128(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), OwnedValue::F64(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let kept = value.get(..value.floor_char_boundary(OwnedValue::CAP)).unwrap_or_default();
        self.set(field.name(), OwnedValue::Text(kept.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), OwnedValue::debug(value));
    }
}
