use std::{error::Error, fmt};

use tracing_core::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{layer, registry::LookupSpan};

use super::span_fields::SpanFields;
use crate::tag::FieldKey;
use crate::{Value, stream::record::RecordSource};

/// An event of `tracing` with the spans around it.
pub(super) struct EventSource<'a, S> {
    pub(super) event: &'a Event<'a>,
    pub(super) spans: layer::Context<'a, S>,
    /// Whether SQL is kept out of the log. sqlx repeats a short statement whole in `summary`.
    pub(super) hide_sql: bool,
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> RecordSource for EventSource<'_, S> {
    fn message(&self, put: &mut dyn FnMut(Value<'_>)) {
        let mut visitor = MessageOnly { put, found: false };
        self.event.record(&mut visitor);
        if !visitor.found {
            (visitor.put)(Value::Str(self.event.metadata().target()));
        }
    }

    fn sampling_key(&self) -> (&str, u32) {
        (self.event.metadata().name(), 0)
    }

    fn fields(&self, put: &mut impl FnMut(FieldKey<'_>, Value<'_>)) {
        let hide_summary = self.hide_sql && self.event.metadata().target().starts_with("sqlx");
        self.event.record(&mut AllButMessage { put: &mut *put, hide_summary });
        // From the innermost span outwards: of two fields with the same key the nearer is kept.
        for span in self.spans.event_scope(self.event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<SpanFields>() {
                fields.iter().for_each(|(key, value)| put(key.into(), value));
            }
        }
    }
}

const MESSAGE: &str = "message";

struct MessageOnly<'p> {
    put: &'p mut dyn FnMut(Value<'_>),
    found: bool,
}

impl Visit for MessageOnly<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            self.found = true;
            (self.put)(Value::Str(value));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == MESSAGE {
            self.found = true;
            (self.put)(Value::Debug(value));
        }
    }
}

struct AllButMessage<'p, F: FnMut(FieldKey<'_>, Value<'_>)> {
    put: &'p mut F,
    hide_summary: bool,
}

impl<F: FnMut(FieldKey<'_>, Value<'_>)> AllButMessage<'_, F> {
    fn put(&mut self, field: &Field, value: Value<'_>) {
        match (field.name(), value) {
            (MESSAGE, _) => {}
            // The verb tells what kind of statement was slow; the words behind it may hold data.
            ("summary", Value::Str(sql)) if self.hide_summary => {
                (self.put)("summary".into(), Value::Str(sql.split_whitespace().next().unwrap_or_default()));
            }
            (key, value) => (self.put)(key.into(), value),
        }
    }
}

impl<F: FnMut(FieldKey<'_>, Value<'_>)> Visit for AllButMessage<'_, F> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::U64(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put(field, Value::I128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, Value::U128(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::F64(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, Value::Error(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::Debug(value));
    }
}
