use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    Redaction, Value,
    key::{self, is_reserved},
    stream::json::{Buf, Line, Scratch, escape},
    stream::record::{Head, Source},
    tag::Name,
};

/// One JSON object a line.
///
/// Every line starts with `ts` (RFC 3339, UTC, microseconds), `level` and `msg`; then come `service`, the context
/// (`request_id`, `trace_id`, `span_id`, `organization_id`), `target`, the error chain as the array `error`, and the tags.
/// A tag of a reserved name gets an underscore behind it; of two tags with one key the first is kept.
#[derive(Debug, Clone)]
pub struct JsonFormat {
    /// What is the same on every line, and the same rendered once: `,"service":"orders"`.
    fields: Vec<(String, String)>,
    fixed: Vec<u8>,
    /// The [`key::bit`]s of their keys.
    bits: u64,
    cap: usize,
    target: bool,
    place: bool,
}

impl JsonFormat {
    /// The default cap on a record in bytes, newline included: what Docker and containerd pass on in one piece.
    pub const CAP: usize = 16 * 1024;
    /// The lowest cap that is honoured.
    pub const MIN_CAP: usize = 1024;

    /// Lines without a service name, at most [`JsonFormat::CAP`] bytes each.
    pub const fn new() -> Self {
        Self { fields: Vec::new(), fixed: Vec::new(), bits: 0, cap: Self::CAP, target: true, place: false }
    }

    /// Names the service on every line.
    #[must_use]
    pub fn service(self, name: &str) -> Self {
        self.put("service", name)
    }

    /// Puts a field on every line, such as `version`. A reserved key gets an underscore behind it, and so do `error` and
    /// `at`, which some records have themselves.
    #[must_use]
    pub fn fixed(self, key: &str, value: &str) -> Self {
        let taken = is_reserved(key.as_bytes()) || matches!(key, "error" | "at" | "log_error");
        if taken { self.put(&format!("{key}_"), value) } else { self.put(key, value) }
    }

    /// Caps a record, newline included; longer ones lose the ends of their longest texts, whether these are of the record,
    /// of its context or on every line, then their last fields, and get `"truncated":true`.
    #[must_use]
    pub fn cap(mut self, bytes: usize) -> Self {
        self.cap = bytes.max(Self::MIN_CAP);
        self
    }

    /// Leaves out the `target`.
    #[must_use]
    pub const fn without_target(mut self) -> Self {
        self.target = false;
        self
    }

    /// Adds the source file and line as `at`.
    #[must_use]
    pub const fn with_place(mut self) -> Self {
        self.place = true;
        self
    }

    pub(crate) fn encode<S: Source>(
        &self,
        scratch: &mut Scratch,
        redact: &Redaction,
        head: &Head<'_>,
        source: &S,
    ) {
        let mut line = Line::begin(scratch, redact, self.cap, head.level, head.since_epoch);
        match source.text() {
            Some(text) => line.msg(Value::Str(text)),
            None => Self::message(&mut line, source),
        }
        line.raw(&self.fixed);
        line.raw(head.ctx.rendered());
        if self.target && !head.target.is_empty() {
            line.target(head.target);
        }
        if let Some((file, number)) = head.place.filter(|_| self.place) {
            line.field("at".into(), Value::Display(&format_args!("{file}:{number}")));
        }
        if let Some(error) = head.error {
            line.field("error".into(), Value::Error(error));
        }
        if S::RUNS_FOREIGN_CODE {
            // A value that panics is dealt with where it is written; this is for code around the values, such as a slog::KV.
            let fields = catch_unwind(AssertUnwindSafe(|| self.fields(&mut line, source)));
            if fields.is_err() {
                line.roll_back();
                line.field("log_error".into(), Value::Str("the fields of this record panicked"));
            }
        } else {
            self.fields(&mut line, source);
        }
        line.finish();
    }

    fn message(line: &mut Line<'_>, source: &impl Source) {
        let mut said = false;
        source.message(&mut |message| {
            if !said {
                line.msg(message);
                said = true;
            }
        });
        if !said {
            line.msg(Value::Str(""));
        }
    }

    #[inline]
    fn fields(&self, line: &mut Line<'_>, source: &impl Source) {
        source.fields(&mut |name, value| {
            if !self.is_fixed(name) {
                line.tag(name, value);
            }
        });
    }

    /// Whether every line has this key already, as it would be written.
    #[inline]
    fn is_fixed(&self, name: Name<'_>) -> bool {
        let possible = name.rendered.is_none_or(|key| !key.is_plain() || self.bits & key.bit != 0);
        possible && self.fields.iter().any(|(fixed, _)| is_written_as(name.text, fixed))
    }

    fn put(mut self, key: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != key);
        self.fields.push((key.to_owned(), value.to_owned()));
        let mut fixed = Buf::with_capacity(128);
        for (key, value) in &self.fields {
            fixed.extend_from_slice(b",\"");
            escape::push(&mut fixed, key);
            fixed.extend_from_slice(b"\":\"");
            escape::push(&mut fixed, value);
            fixed.push(b'"');
        }
        self.fixed = fixed.to_vec();
        self.bits = self.fields.iter().fold(0, |bits, (key, _)| bits | key::bit(key.as_bytes()));
        self
    }
}

/// Whether a tag of this key would stand in the line as `written`.
fn is_written_as(key: &str, written: &str) -> bool {
    written == key || (written.strip_suffix('_') == Some(key) && is_reserved(key.as_bytes()))
}

impl Default for JsonFormat {
    fn default() -> Self {
        Self::new()
    }
}
