use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{BoxError, Cause, Error, Inner};
use crate::limits::{self, is_code};
use crate::panic::panic_text;
use crate::{Kind, Violation};

type Text = Cow<'static, str>;

/// Constructors by HTTP name. The text of a 4xx is public; the text of a 5xx is for the log alone.
impl Error {
    /// 400: the request is not valid. The text is public.
    pub fn bad_request(message: impl Into<Text>) -> Self {
        Self::new(Kind::InvalidArgument, message)
    }

    /// 401: the caller is not authenticated. The text is public.
    ///
    /// RFC 9110 requires a `WWW-Authenticate` header beside it, which the service adds.
    pub fn unauthorized(message: impl Into<Text>) -> Self {
        Self::new(Kind::Unauthenticated, message)
    }

    /// 403: the caller lacks a permission. The text is public.
    pub fn forbidden(message: impl Into<Text>) -> Self {
        Self::new(Kind::PermissionDenied, message)
    }

    /// 404: the resource does not exist. The text is public.
    pub fn not_found(message: impl Into<Text>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// 409: the resource exists already. The text is public.
    ///
    /// A conflict that a retry resolves is [`Kind::Aborted`].
    pub fn conflict(message: impl Into<Text>) -> Self {
        Self::new(Kind::AlreadyExists, message)
    }

    /// 429: a quota is used up; add [`retry_after`](Self::retry_after). The text is public.
    pub fn too_many_requests(message: impl Into<Text>) -> Self {
        Self::new(Kind::ResourceExhausted, message)
    }

    /// 500: a bug or a broken invariant. The text is for the log.
    pub fn internal(message: impl Into<Text>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// 500: code panicked; the payload is that of `catch_unwind` or of a `JoinError`. The panic's text is for the log.
    ///
    /// # Examples
    /// ```
    /// use underpin_errors::{Error, Kind};
    ///
    /// let payload = std::panic::catch_unwind(|| panic!("no luck")).unwrap_err();
    /// let error = Error::panicked(&*payload);
    /// assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Internal, "panicked: no luck"));
    /// ```
    pub fn panicked(payload: &(dyn Any + Send)) -> Self {
        Self::internal(format!("panicked: {}", panic_text(payload)))
    }

    /// 501: not supported here. The text is for the log.
    pub fn not_implemented(message: impl Into<Text>) -> Self {
        Self::new(Kind::Unimplemented, message)
    }

    /// 503: a dependency is unreachable. The text is for the log.
    pub fn unavailable(message: impl Into<Text>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    /// 504: a deadline passed. The text is for the log.
    pub fn timeout(message: impl Into<Text>) -> Self {
        Self::new(Kind::DeadlineExceeded, message)
    }

    /// An error of this kind. The text is public if the kind's status is 4xx.
    pub fn new(kind: Kind, message: impl Into<Text>) -> Self {
        Self::build(kind, kind.http_status(), Some(message.into()), Cause::None)
    }

    /// An error with an exact HTTP status that no kind has as its own, such as 410, 413, 415, 422 or 502.
    ///
    /// The kind follows from the status ([`Kind::from_http_status`]); the text is public if the status
    /// is 4xx. A status outside 400 to 599 is no error status and becomes 500.
    ///
    /// ```
    /// let error = underpin_errors::Error::http(410, "this order was archived");
    /// assert_eq!((error.http_status(), error.kind()), (410, underpin_errors::Kind::NotFound));
    /// ```
    pub fn http(status: u16, message: impl Into<Text>) -> Self {
        Self::with_status(status, Some(message.into()))
    }

    /// An error caused by another. Both the source and the context are for the log; a caller reads the kind's sentence.
    ///
    /// For a public text, build a 4xx and add the cause:
    /// `Error::not_found("no order 42").caused_by(source)`.
    pub fn wrap(kind: Kind, source: impl Into<BoxError>, context: impl Into<Text>) -> Self {
        Self::build(kind, kind.http_status(), None, Cause::Below(Arc::from(source.into()))).context(context)
    }

    pub(crate) fn with_status(status: u16, message: Option<Text>) -> Self {
        let kind = Kind::from_http_status(status);
        let status = if (400..600).contains(&status) { status } else { kind.http_status() };
        Self::build(kind, status, message, Cause::None)
    }

    pub(super) fn build(kind: Kind, status: u16, message: Option<Text>, cause: Cause) -> Self {
        Self(Arc::new(Inner {
            kind,
            status,
            code: None,
            message,
            contexts: Vec::new(),
            cause,
            violations: Vec::new(),
            details: Map::new(),
            retry_after: None,
            request_id: None,
            #[cfg(feature = "backtrace")]
            backtrace: captured(),
        }))
    }
}

/// Setters for everything beside kind and text.
impl Error {
    /// A stable machine code of the service, `UPPER_SNAKE`, at most 63 bytes, such as `ORDER_NOT_FOUND`. Public, for a 5xx too.
    #[must_use]
    pub fn code(mut self, code: impl Into<Text>) -> Self {
        self.parts().code = Some(code.into());
        self
    }

    /// The operation that failed. For the log only, whatever the kind.
    #[must_use]
    pub fn context(mut self, context: impl Into<Text>) -> Self {
        self.parts().contexts.push(context.into());
        self
    }

    /// The cause of this error; replaces an earlier one. For the log only.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.parts().cause = Cause::Below(Arc::from(source.into()));
        self
    }

    /// An invalid field of the body: `"customer"`, `"items[0].quantity"` or a JSON pointer `"/items/0/quantity"`.
    /// Public for a 4xx. For parameters and headers use [`with_violation`](Self::with_violation).
    #[must_use]
    pub fn violation(self, field: impl AsRef<str>, message: impl Into<Text>) -> Self {
        self.with_violation(Violation::body(field, message))
    }

    /// An invalid field, parameter or header. Public for a 4xx.
    #[must_use]
    pub fn with_violation(mut self, violation: Violation) -> Self {
        self.parts().violations.push(violation);
        self
    }

    /// Several of them. Public for a 4xx; an answer shows the first 100 and up to 16 KiB of them, and how many more there are.
    #[must_use]
    pub fn with_violations(mut self, violations: impl IntoIterator<Item = Violation>) -> Self {
        self.parts().violations.extend(violations);
        self
    }

    /// An extension member of the problem. Public for a 4xx; an answer shows up to 16 KiB of details, and counts the others in
    /// `details_omitted`.
    ///
    /// A key that RFC 9457 or this crate defines (`status`, `code`, ...) is kept for the log and not shown.
    #[must_use]
    pub fn detail(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parts().details.insert(key.into(), value.into());
        self
    }

    /// The delay before the caller should retry. Public; whole seconds on the wire, rounded up.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.parts().retry_after = Some(delay);
        self
    }

    /// The id of the request that failed. Public.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.parts().request_id = Some(id.into().into_boxed_str());
        self
    }

    /// The code of a peer. A kind's code decides between the kinds of one status. An invalid code is dropped.
    #[must_use]
    pub(crate) fn with_wire_code(mut self, code: Text) -> Self {
        if !is_code(&code) {
            return self;
        }
        let kind = Kind::implied_by(self.0.status, &code);
        self.parts().kind = kind;
        if code == kind.code() { self } else { self.code(code) }
    }

    /// The code of a peer whose kind is known. An invalid code is dropped.
    #[cfg(feature = "tonic")]
    #[must_use]
    pub(crate) fn with_remote_code(self, code: String) -> Self {
        if is_code(&code) && code != self.0.kind.code() { self.code(code) } else { self }
    }

    /// The kind that a peer names; ignored where it contradicts the status.
    #[must_use]
    pub(crate) fn with_wire_kind(mut self, kind: Kind) -> Self {
        if kind.http_status() == self.0.status {
            self.parts().kind = kind;
        }
        self
    }

    /// The details of a peer, up to the limit of our own answers.
    #[must_use]
    pub(crate) fn with_details(mut self, details: &Map<String, Value>) -> Self {
        self.parts().details = limits::details(details, limits::MAX_BODY_PART);
        self
    }
}

#[cfg(feature = "backtrace")]
fn captured() -> Option<Arc<std::backtrace::Backtrace>> {
    let backtrace = std::backtrace::Backtrace::capture();
    (backtrace.status() == std::backtrace::BacktraceStatus::Captured).then(|| Arc::new(backtrace))
}
