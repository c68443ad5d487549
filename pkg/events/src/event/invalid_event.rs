use std::fmt;

use underpin_errors::{Classify, Kind};

/// Why a value is no event, or its payload not what the reader expected.
///
/// The text names attributes and rules, never the values: a payload may be secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEventError {
    /// A required attribute is absent, null or empty.
    #[error("required attribute `{name}` is missing or empty")]
    Missing {
        /// The attribute, for example `id`.
        name: &'static str,
    },
    /// An attribute breaks a rule of the specification.
    #[error("attribute `{name}` {rule}")]
    Attribute {
        /// The attribute as it was written, at most 64 characters of it.
        name: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The event follows another version of the specification.
    #[error("specversion is not 1.0")]
    SpecVersion,
    /// `data` and `data_base64` are both present, or `data_base64` is not base64.
    #[error("data {0}")]
    Data(&'static str),
    /// The document is not JSON, or not the JSON of an event.
    #[error("not the JSON of an event")]
    Json(#[source] serde_json::Error),
    /// The payload is absent, cannot be written as JSON, or does not fit the type it is decoded into.
    #[error("payload does not fit")]
    Payload(#[source] Option<PayloadError>),
    /// The event is of another type than the reader decodes.
    #[error("event is not of type `{expected}`")]
    UnexpectedType {
        /// The type that the reader decodes.
        expected: &'static str,
    },
}

impl InvalidEventError {
    pub(crate) fn attribute(name: &str, rule: &'static str) -> Self {
        let name = name.chars().take(64).flat_map(char::escape_default).collect();
        Self::Attribute { name, rule }
    }

    pub(crate) fn payload(error: Option<serde_json::Error>) -> Self {
        Self::Payload(error.map(PayloadError))
    }
}

impl Classify for InvalidEventError {
    fn kind(&self) -> Kind {
        Kind::InvalidArgument
    }
}

/// Where and how a payload does not fit; the text of the payload itself is not repeated.
#[derive(Debug)]
pub struct PayloadError(serde_json::Error);

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // serde names the offending value ("invalid type: string \"...\""): that part may be secret, the place is not.
        let what = match self.0.classify() {
            serde_json::error::Category::Io => "input or output failed",
            serde_json::error::Category::Syntax => "syntax error",
            serde_json::error::Category::Data => "a field is missing or has another type",
            serde_json::error::Category::Eof => "unexpected end",
        };
        write!(f, "{what} at line {} column {}", self.0.line(), self.0.column())
    }
}

impl std::error::Error for PayloadError {}
