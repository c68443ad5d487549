use std::error::Error as StdError;

use ::axum::extract::path::ErrorKind;
use ::axum::extract::rejection::{
    BytesRejection, FailedToBufferBody, JsonRejection, PathRejection, QueryRejection, StringRejection,
};
use serde_path_to_error::Error as AtPath;

pub(super) use self::finding::Finding;
use crate::{BoxError, Error, Violation, code};

mod finding;

impl From<JsonRejection> for Error {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::JsonDataError(error) => {
                let finding = find_in::<AtPath<serde_json::Error>>(&error).map(|error| {
                    let inner = error.inner();
                    let place = format!(" at line {} column {}", inner.line(), inner.column());
                    let text = inner.to_string();
                    Finding::new(error.path(), text.strip_suffix(&place).unwrap_or(&text))
                });
                let finding = finding.unwrap_or_else(Finding::of_the_whole);
                Self::bad_request("the body does not have the expected shape")
                    .code(code::INVALID_BODY)
                    .with_violation(finding.in_body())
            }
            JsonRejection::JsonSyntaxError(error) => {
                // Text before a value is complete comes with a path, text after it without.
                let at_path = find_in::<AtPath<serde_json::Error>>(&error).map(AtPath::inner);
                let text = at_path.or_else(|| find_in(&error)).map(serde_json::Error::to_string);
                Self::bad_request("the body is not JSON")
                    .code(code::INVALID_JSON)
                    .violation("", text.unwrap_or_else(|| "expected JSON".to_owned()))
            }
            JsonRejection::MissingJsonContentType(_) => Self::http(415, "the content type is not supported")
                .code(code::UNSUPPORTED_MEDIA_TYPE)
                .with_violation(Violation::header("content-type", "expected application/json")),
            JsonRejection::BytesRejection(rejection) => rejection.into(),
            other => unforeseen(other.status().as_u16(), other),
        }
    }
}

impl From<BytesRejection> for Error {
    fn from(rejection: BytesRejection) -> Self {
        match rejection {
            BytesRejection::FailedToBufferBody(failure) => failure.into(),
            other => unforeseen(other.status().as_u16(), other),
        }
    }
}

impl From<StringRejection> for Error {
    fn from(rejection: StringRejection) -> Self {
        match rejection {
            StringRejection::FailedToBufferBody(failure) => failure.into(),
            StringRejection::InvalidUtf8(_) => {
                Self::bad_request("the body is not UTF-8").code(code::INVALID_BODY)
            }
            other => unforeseen(other.status().as_u16(), other),
        }
    }
}

impl From<FailedToBufferBody> for Error {
    fn from(failure: FailedToBufferBody) -> Self {
        match failure {
            FailedToBufferBody::LengthLimitError(_) => {
                Self::http(413, "the body is too large").code(code::BODY_TOO_LARGE)
            }
            other => unforeseen(other.status().as_u16(), other),
        }
    }
}

impl From<QueryRejection> for Error {
    fn from(rejection: QueryRejection) -> Self {
        match rejection {
            QueryRejection::FailedToDeserializeQueryString(error) => {
                let finding = find_in::<AtPath<serde::de::value::Error>>(&error)
                    .map(|error| Finding::new(error.path(), &error.inner().to_string()));
                let finding = finding.unwrap_or_else(Finding::of_the_whole);
                Self::bad_request("the query string does not have the expected shape")
                    .code(code::INVALID_QUERY)
                    .with_violation(finding.in_parameter())
            }
            other => unforeseen(other.status().as_u16(), other),
        }
    }
}

/// axum names the parameter only where the target has named fields; [`Path`](super::Path) names it always.
impl From<PathRejection> for Error {
    fn from(rejection: PathRejection) -> Self {
        path_error(&rejection, &[])
    }
}

pub(super) fn path_error(rejection: &PathRejection, names: &[String]) -> Error {
    let PathRejection::FailedToDeserializePathParams(failure) = rejection else {
        return Error::internal(rejection.to_string()).context("extract the path");
    };
    let name = |index: usize| names.get(index).cloned().unwrap_or_default();
    let (name, message) = match failure.kind() {
        ErrorKind::ParseErrorAtKey { key, expected_type, .. } => {
            (key.clone(), finding::expected(expected_type))
        }
        ErrorKind::ParseErrorAtIndex { index, expected_type, .. } => {
            (name(*index), finding::expected(expected_type))
        }
        ErrorKind::ParseError { expected_type, .. } => (names.join(", "), finding::expected(expected_type)),
        ErrorKind::InvalidUtf8InPathParam { key } => (key.clone(), "expected UTF-8".to_owned()),
        ErrorKind::DeserializeError { key, message, .. } => (key.clone(), finding::message(message)),
        ErrorKind::Message(message) => (names.join(", "), finding::message(message)),
        // The route and the handler do not fit together: a bug of the service.
        other => return Error::internal(other.to_string()).context("extract the path"),
    };
    Error::bad_request("the path does not have the expected shape")
        .code(code::INVALID_PATH)
        .with_violation(Violation::parameter(name, message))
}

/// A rejection of which only the status is known; its text is for the log.
fn unforeseen(status: u16, rejection: impl Into<BoxError>) -> Error {
    Error::with_status(status, None).context("read the request").caused_by(rejection)
}

fn find_in<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(layer) = next {
        if let Some(found) = layer.downcast_ref() {
            return Some(found);
        }
        next = layer.source();
    }
    None
}
