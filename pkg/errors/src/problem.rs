use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::bounded::BoundedViolations;
use crate::{Error, Kind, Violation, limits};

mod read;
mod reason;
mod write;

/// A problem document: the body of an error answer after RFC 9457, media type `application/problem+json`.
///
/// Members that we add: `code` (stable machine code), `errors` (violations with JSON pointers), `request_id`,
/// `retry_after` (whole seconds) and, only where status and code leave it open, `kind` (one of the 16 codes). The
/// details of an [`Error`] are extension members beside them.
///
/// Reading is lenient, as section 3.1 asks: a member of the wrong type is ignored, whatever a peer sends. To turn a
/// whole HTTP answer into an [`Error`], use [`Error::from_remote`].
///
/// # Examples
/// ```
/// use underpin_errors::Error;
///
/// let problem = Error::bad_request("the order is not valid")
///     .violation("items[0].quantity", "must be at least 1")
///     .to_problem()
///     .with_request_id("req-1");
/// assert_eq!(
///     serde_json::to_value(&problem).unwrap(),
///     serde_json::json!({
///         "type": "about:blank",
///         "title": "Bad Request",
///         "status": 400,
///         "detail": "the order is not valid",
///         "code": "INVALID_ARGUMENT",
///         "errors": [{"detail": "must be at least 1", "pointer": "#/items/0/quantity"}],
///         "request_id": "req-1",
///     })
/// );
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// `type`: a URI that names the class of problem; `about:blank` says that the status is the class.
    pub type_uri: Cow<'static, str>,
    /// A short text that is the same for every problem of this type.
    pub title: Option<Cow<'static, str>>,
    /// The HTTP status, 0 where the document does not say.
    pub status: u16,
    /// The text of this occurrence.
    pub detail: Option<Cow<'static, str>>,
    /// A URI that names this occurrence.
    pub instance: Option<String>,
    /// The stable machine code.
    pub code: Option<Cow<'static, str>>,
    /// The kind, where status and code do not imply it.
    pub kind: Option<Kind>,
    /// The violations.
    pub errors: Vec<Violation>,
    /// The id of the request that failed.
    pub request_id: Option<String>,
    /// The delay before a retry.
    pub retry_after: Option<Duration>,
    /// Every other member.
    pub extensions: Map<String, Value>,
}

impl Problem {
    /// The media type of this document.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// Names the class of problem with a URI of yours, and its title.
    #[must_use]
    pub fn with_type(
        mut self,
        uri: impl Into<Cow<'static, str>>,
        title: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.type_uri = uri.into();
        self.title = Some(title.into());
        self
    }

    /// Names this occurrence with a URI, often the path of the request.
    #[must_use]
    pub fn with_instance(mut self, uri: impl Into<String>) -> Self {
        self.instance = Some(uri.into());
        self
    }

    /// Names the request that failed.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        let id = id.into();
        self.request_id = Some(if id.len() > limits::MAX_REQUEST_ID {
            limits::cut(&id, limits::MAX_REQUEST_ID).into_owned()
        } else {
            id
        });
        self
    }

    /// The value of the header `Retry-After`: whole seconds, rounded up (RFC 9110 section 10.2.3).
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(whole_seconds)
    }
}

/// An empty problem.
impl Default for Problem {
    fn default() -> Self {
        Self {
            type_uri: Cow::Borrowed(ABOUT_BLANK),
            title: None,
            status: 0,
            detail: None,
            instance: None,
            code: None,
            kind: None,
            errors: Vec::new(),
            request_id: None,
            retry_after: None,
            extensions: Map::new(),
        }
    }
}

impl Error {
    /// The body of RFC 9457, `application/problem+json`.
    pub fn to_problem(&self) -> Problem {
        Problem::from(self)
    }
}

/// The public parts of the error. Texts, violations and details are cut to 2 KiB, 16 KiB and 16 KiB.
impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let (status, kind) = (error.http_status(), error.kind());
        let mut problem = Self {
            title: reason::phrase(status).map(Cow::Borrowed),
            status,
            detail: Some(limits::cut(error.public_message(), limits::MAX_TEXT).into_owned().into()),
            code: Some(limits::cut(error.error_code(), limits::MAX_CODE).into_owned().into()),
            kind: (Kind::implied_by(status, error.error_code()) != kind).then_some(kind),
            request_id: error.request_id().map(|id| limits::cut(id, limits::MAX_REQUEST_ID).into_owned()),
            retry_after: error.retry_delay(),
            ..Self::default()
        };
        if error.is_client_error() {
            problem.errors = BoundedViolations::of(error.violations().iter().cloned(), limits::MAX_BODY_PART);
            problem.extensions = limits::details(error.details(), limits::MAX_BODY_PART);
        }
        problem
    }
}

/// The client side: the remote error.
///
/// Kind, status, code, violations, details, request id and delay are copied. The remote text is public again for a
/// 4xx: to keep it out of your own answer, make this error the source of one of yours with [`Error::wrap`].
impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let text = problem.detail.or(problem.title);
        let mut error = Self::with_status(problem.status, text).with_details(&problem.extensions);
        if let Some(code) = problem.code {
            error = error.with_wire_code(code);
        }
        if let Some(kind) = problem.kind {
            error = error.with_wire_kind(kind);
        }
        if let Some(id) = problem.request_id {
            error = error.with_request_id(id);
        }
        if let Some(delay) = problem.retry_after {
            error = error.retry_after(delay);
        }
        if problem.type_uri != ABOUT_BLANK {
            error = error.context(format!("remote problem {}", problem.type_uri));
        }
        error.with_violations(BoundedViolations::of(problem.errors, limits::MAX_BODY_PART))
    }
}

const ABOUT_BLANK: &str = "about:blank";

/// The defined members; extensions of these names are not written.
const RESERVED: [&str; 10] =
    ["type", "title", "status", "detail", "instance", "code", "kind", "errors", "request_id", "retry_after"];

fn whole_seconds(delay: Duration) -> u64 {
    delay.as_secs().saturating_add(u64::from(delay.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests;
