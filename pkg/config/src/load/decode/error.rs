//! The error of the decoder. It knows shapes and types, never values.

use std::fmt;

use serde::de::{Expected, Unexpected};

use super::trace::{self, Expectation, TypeRequest};
use crate::load::path::KeyPath;

/// Why a pass failed; boxed, because a pass returns it through every frame.
#[derive(Debug)]
pub(crate) struct DecodeError(Box<DecodeFailure>);

#[derive(Debug)]
struct DecodeFailure {
    path: Option<Vec<String>>,
    problem: Problem,
    request: Option<TypeRequest>,
}

/// A failed pass: the path, the problem, and the buffered value that was refused, when it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) path: Vec<String>,
    pub(crate) problem: Problem,
    pub(crate) request: Option<TypeRequest>,
}

/// What went wrong at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The key below the path is missing.
    Missing(String),
    /// The sentence is made by this crate: it holds no value.
    Shape(String),
    /// The key is none of these fields.
    Unknown(&'static [&'static str]),
    /// The sentence was made by the receiving type and may hold the value.
    Foreign { message: String, target: &'static str },
}

impl DecodeError {
    pub(crate) fn shape(message: impl Into<String>) -> Self {
        Self::new(Problem::Shape(message.into()))
    }

    pub(crate) fn expected(expected: &str, found: &str) -> Self {
        Self::shape(format!("must be {expected}, not {found}"))
    }

    fn new(problem: Problem) -> Self {
        Self(Box::new(DecodeFailure { path: None, problem, request: None }))
    }

    /// Notes the refusal of a buffered value, also if the error is dropped.
    fn with_request(mut self, request: Option<TypeRequest>) -> Self {
        request.iter().for_each(trace::note);
        self.0.request = request;
        self
    }

    /// Adds the path, unless a deeper frame already did; `refusing` is the type that refused.
    pub(crate) fn at(mut self, at: KeyPath<'_>, refusing: &'static str) -> Self {
        if self.0.path.is_none() {
            let mut path = at.to_vec();
            match &mut self.0.problem {
                Problem::Missing(field) => path.push(field.clone()),
                Problem::Foreign { target, .. } => *target = refusing,
                Problem::Shape(_) | Problem::Unknown(_) => {}
            }
            self.0.path = Some(path);
        }
        self
    }

    pub(crate) fn into_failure(self) -> Failure {
        let DecodeFailure { path, problem, request } = *self.0;
        Failure { path: path.unwrap_or_default(), problem, request }
    }
}

/// The refusal of a token or of a text.
fn request_of(unexpected: &Unexpected<'_>, expected: &dyn Expected) -> Option<TypeRequest> {
    let expected = || Expectation::Phrase(expected.to_string());
    match unexpected {
        Unexpected::Bytes(bytes) => {
            Some(TypeRequest::Token { id: trace::id_of_token(bytes)?, expected: expected() })
        }
        Unexpected::Str(text) => Some(TypeRequest::Text { text: (*text).to_owned(), expected: expected() }),
        _ => None,
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value does not fit the type that receives it")
    }
}

impl std::error::Error for DecodeError {}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        match message.to_string() {
            message if matches!(message.as_str(), "u128 is not supported" | "i128 is not supported") => {
                Self::shape(WIDE)
            }
            message => Self::new(Problem::Foreign { message, target: "" }),
        }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(&describe(&expected.to_string()), shape_of(&unexpected))
            .with_request(request_of(&unexpected, expected))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let request =
            request_of(&unexpected, expected).filter(|request| matches!(request, TypeRequest::Token { .. }));
        let error = match unexpected {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) | Unexpected::Float(_) => {
                Self::shape(format!("must be {}", describe(&expected.to_string())))
            }
            other => {
                let expected = describe(&expected.to_string());
                match shape_of(&other) {
                    "text" | "other" => Self::shape(format!("must be {expected}")),
                    shape => Self::expected(&expected, shape),
                }
            }
        };
        error.with_request(request)
    }

    fn invalid_length(_length: usize, expected: &dyn Expected) -> Self {
        Self::shape(format!("has the wrong length: it must be {}", describe(&expected.to_string())))
    }

    fn unknown_variant(variant: &str, names: &'static [&'static str]) -> Self {
        let expected = Expectation::OneOf(names);
        let request = match trace::id_of_lossy(variant) {
            Some(id) => TypeRequest::Token { id, expected },
            None => TypeRequest::Text { text: variant.to_owned(), expected },
        };
        Self::shape(one_of(names)).with_request(Some(request))
    }

    fn unknown_field(field: &str, names: &'static [&'static str]) -> Self {
        let request = TypeRequest::Text { text: field.to_owned(), expected: Expectation::Field(names) };
        Self::shape(format!("has a key that is not one of {}", quoted(names))).with_request(Some(request))
    }

    fn missing_field(field: &'static str) -> Self {
        trace::note(&TypeRequest::Missing { field });
        Self::new(Problem::Missing(field.to_owned()))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::shape(format!("has two keys for `{field}`"))
    }
}

/// Why a value cannot pass a buffer of serde.
pub(crate) const WIDE: &str = "is an integer of 128 bits, which serde cannot buffer for `flatten`, tagged and untagged enums: \
    use 64 bits, or give the field a struct that is not flattened";

pub(crate) fn one_of(names: &[&str]) -> String {
    format!("must be one of {}", quoted(names))
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

const fn shape_of(unexpected: &Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a decimal number",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant
        | Unexpected::Other(_) => "other",
    }
}

/// Says "an integer from 0 to 65535" where a type only says "u16".
pub(crate) fn describe(expected: &str) -> String {
    let range = |low: &dyn fmt::Display, high: &dyn fmt::Display| format!("an integer from {low} to {high}");
    match expected {
        "u8" => range(&u8::MIN, &u8::MAX),
        "u16" => range(&u16::MIN, &u16::MAX),
        "u32" => range(&u32::MIN, &u32::MAX),
        "u64" | "usize" => range(&u64::MIN, &u64::MAX),
        "u128" => range(&u128::MIN, &u128::MAX),
        "i8" => range(&i8::MIN, &i8::MAX),
        "i16" => range(&i16::MIN, &i16::MAX),
        "i32" => range(&i32::MIN, &i32::MAX),
        "i64" | "isize" => range(&i64::MIN, &i64::MAX),
        "i128" => range(&i128::MIN, &i128::MAX),
        "f32" | "f64" => "a number".to_owned(),
        "a string" => "text".to_owned(),
        "a boolean" => "a boolean (true, yes, on, 1 or false, no, off, 0)".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        "unit" => "empty".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other if other.starts_with("internally tagged enum ") => {
            "a table with the key that tells the variant".to_owned()
        }
        "string or map" => "the name of a variant, or a table with one variant".to_owned(),
        other => other.to_owned(),
    }
}
