use std::{fmt, sync::LazyLock};

use serde::Serialize;

use crate::{
    Redaction,
    stream::json::{
        limits,
        nested::{SerializeStopped, ValueSerializer, rendered},
    },
};

/// Whatever serde can serialize, as a value of a record: JSON within the JSON of the line.
///
/// What holds for the line holds inside of it. Keys that are [redacted](Redaction) by their name or by their path
/// (`db.statement`) keep their values to themselves; of two equal keys the first is kept; NaN, infinities and
/// integers over 64 bits are texts, and a key that is no text becomes one. A value that fails or panics half way is
/// `"[serialize failed]"` or `"[serialize panicked]"` in an otherwise whole record, what is nested more than
/// [`Nested::DEPTH`] deep is `"[too deep]"`, and what the cap on the record leaves no room for is left out at the end of its
/// list or object, with `"truncated":true` in the record.
///
/// A value of slog's feature `nested-values` arrives as one of these. A logger that is not JSON shows the same text.
///
/// # Examples
///
/// ```
/// use underpin_logger::{Context, JsonFormat, Nested, SlogLogger, info, sink::MemorySink};
///
/// #[derive(serde::Serialize)]
/// struct Order { id: u64, items: Vec<&'static str>, token: &'static str }
///
/// let sink = MemorySink::new();
/// let log = SlogLogger::json(JsonFormat::new()).sink(sink.clone()).build();
/// let order = Order { id: 7, items: vec!["tea", "cup"], token: "t-1" };
/// info!(log, &Context::background(), "order accepted", order = Nested::new(&order));
/// assert!(sink.text().contains(r#""order":{"id":7,"items":["tea","cup"],"token":"[redacted]"}"#));
/// ```
#[derive(Clone, Copy)]
pub struct Nested<'a>(&'a dyn EncodeNested);

impl<'a> Nested<'a> {
    /// How many lists, objects and wrappers (`Some`, a newtype) may be inside of each other.
    pub const DEPTH: usize = limits::DEPTH;

    /// A value that is serialized when the record is written, if it is.
    pub const fn new<T: Serialize>(value: &'a T) -> Self {
        Self(value)
    }

    pub(crate) fn encode(self, out: ValueSerializer<'_, '_, '_>) -> Result<(), SerializeStopped> {
        self.0.encode(out)
    }

    /// The JSON alone, of about `most` bytes at most, as the value of the field `key`.
    pub(crate) fn text(self, key: &str, redact: &Redaction, most: usize) -> String {
        rendered(key, |out| self.encode(out), redact, most)
    }
}

/// JSON, with what is redacted by default left out.
impl fmt::Display for Nested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        static REDACTION: LazyLock<Redaction> = LazyLock::new(Redaction::default);

        f.write_str(&self.text("", &REDACTION, limits::CAP))
    }
}

impl fmt::Debug for Nested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `Serialize` for one serializer, and so fit for `dyn`.
trait EncodeNested {
    fn encode(&self, out: ValueSerializer<'_, '_, '_>) -> Result<(), SerializeStopped>;
}

impl<T: Serialize> EncodeNested for T {
    fn encode(&self, out: ValueSerializer<'_, '_, '_>) -> Result<(), SerializeStopped> {
        self.serialize(out)
    }
}
