use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    Redaction, Value,
    key::{self, is_reserved},
    stream::json::{Buf, LineEncoder, Scratch, escape, limits},
    stream::record::{RecordMeta, RecordSource},
    tag::FieldKey,
};

/// One JSON object a line.
///
/// Every line starts with `ts` (RFC 3339, UTC, microseconds), `level` and `msg`; then come `service`, the context
/// (`request_id`, `trace_id`, `span_id`, `organization_id`), `target`, the error chain as the array `error`, and the tags.
/// A tag of a name that the line has itself gets an underscore behind it; of two tags with one key the first is kept.
#[derive(Debug, Clone)]
pub struct JsonFormat {
    /// What is the same on every line, and the same rendered once: `,"service":"orders"`.
    fields: Vec<(String, String)>,
    fixed: Vec<u8>,
    /// The [`key::bit`]s of their keys, with and without an underscore at the end.
    bits: u64,
    cap: usize,
    target: bool,
    location: bool,
}

impl JsonFormat {
    /// The default cap on a record in bytes, newline included: what Docker and containerd pass on in one piece.
    pub const CAP: usize = limits::CAP;
    /// The lowest cap that is honoured.
    pub const MIN_CAP: usize = limits::MIN_CAP;

    /// Lines without a service name, at most [`JsonFormat::CAP`] bytes each.
    pub const fn new() -> Self {
        Self { fields: Vec::new(), fixed: Vec::new(), bits: 0, cap: Self::CAP, target: true, location: false }
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
    pub const fn with_location(mut self) -> Self {
        self.location = true;
        self
    }

    pub(crate) fn encode<S: RecordSource>(
        &self,
        scratch: &mut Scratch,
        redact: &Redaction,
        meta: &RecordMeta<'_>,
        source: &S,
    ) {
        let mut line = LineEncoder::begin(scratch, redact, self.cap, meta.level, meta.since_epoch);
        match source.text() {
            Some(text) => line.msg(Value::Str(text)),
            None => Self::message(&mut line, source),
        }
        line.raw(&self.fixed);
        line.context(meta.ctx);
        if self.target && !meta.target.is_empty() {
            line.target(meta.target);
        }
        if let Some((file, number)) = meta.location.filter(|_| self.location) {
            line.own("at", Value::Display(&format_args!("{file}:{number}")));
        }
        if let Some(error) = meta.error {
            line.own("error", Value::Error(error));
        }
        if S::RUNS_FOREIGN_CODE {
            // A value that panics is dealt with where it is written; this is for code around the values, such as a slog::KV.
            let fields = catch_unwind(AssertUnwindSafe(|| self.fields(&mut line, source)));
            if fields.is_err() {
                line.roll_back();
                line.own("log_error", Value::Str("the fields of this record panicked"));
            }
        } else {
            self.fields(&mut line, source);
        }
        line.finish();
    }

    fn message(line: &mut LineEncoder<'_>, source: &impl RecordSource) {
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
    fn fields(&self, line: &mut LineEncoder<'_>, source: &impl RecordSource) {
        source.fields(&mut |name, value| {
            if !self.is_fixed(line, name) {
                line.tag(name, value);
            }
        });
    }

    /// Whether every line has this key already, as it would be written.
    #[inline]
    fn is_fixed(&self, line: &LineEncoder<'_>, name: FieldKey<'_>) -> bool {
        let possible = name.rendered.is_none_or(|key| !key.is_plain() || self.bits & key.bit != 0);
        possible && {
            // A key that is taken gets an underscore behind it.
            let taken = is_reserved(name.text.as_bytes()) || line.owns(name.text);
            let is_written_as = |fixed: &str| {
                if taken { fixed.strip_suffix('_') == Some(name.text) } else { fixed == name.text }
            };
            self.fields.iter().any(|(fixed, _)| is_written_as(fixed))
        }
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
        let with_underscore = |key: &str| key.strip_suffix('_').map_or(0, |key| key::bit(key.as_bytes()));
        let bits = |(key, _): &(String, String)| key::bit(key.as_bytes()) | with_underscore(key);
        self.bits = self.fields.iter().map(bits).fold(0, |all, bits| all | bits);
        self
    }
}

impl Default for JsonFormat {
    fn default() -> Self {
        Self::new()
    }
}
