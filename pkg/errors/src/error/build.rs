use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{BoxError, Cause, Error, Inner};
use crate::problem::is_code;
use crate::{Kind, Violation};

type Text = Cow<'static, str>;

/// Constructors by HTTP name. The text of a 4xx is for the caller; the text of a 5xx is for the log alone.
impl Error {
    /// 400: the request is wrong. The text is public.
    pub fn bad_request(message: impl Into<Text>) -> Self {
        Self::new(Kind::InvalidArgument, message)
    }

    /// 401: the caller is not known. The text is public.
    ///
    /// RFC 9110 asks for a `WWW-Authenticate` header beside it, which only the service can name.
    pub fn unauthorized(message: impl Into<Text>) -> Self {
        Self::new(Kind::Unauthenticated, message)
    }

    /// 403: the caller may not do this. The text is public.
    pub fn forbidden(message: impl Into<Text>) -> Self {
        Self::new(Kind::PermissionDenied, message)
    }

    /// 404: there is no such thing. The text is public.
    pub fn not_found(message: impl Into<Text>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// 409: there is such a thing already. The text is public.
    ///
    /// A conflict that goes away when the work is run again is [`Kind::Aborted`], which is retryable.
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

    /// 501: not supported here. The text is for the log.
    pub fn not_implemented(message: impl Into<Text>) -> Self {
        Self::new(Kind::Unimplemented, message)
    }

    /// 503: a dependency cannot be reached at the moment. The text is for the log.
    pub fn unavailable(message: impl Into<Text>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    /// 504: time ran out. The text is for the log.
    pub fn timeout(message: impl Into<Text>) -> Self {
        Self::new(Kind::DeadlineExceeded, message)
    }

    /// An error of this kind. The text is public exactly where the kind's status is 4xx.
    pub fn new(kind: Kind, message: impl Into<Text>) -> Self {
        Self::build(kind, kind.http_status(), Some(message.into()), Cause::None)
    }

    /// An error with an exact HTTP status that no kind has as its own, such as 410, 413, 415, 422 or 502.
    ///
    /// The kind follows from the status ([`Kind::from_http_status`]); the text is public exactly where the status
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
    /// To give the caller a text of their own, build a 4xx and name its cause:
    /// `Error::not_found("no order 42").caused_by(source)`.
    pub fn wrap(kind: Kind, source: impl Into<BoxError>, context: impl Into<Text>) -> Self {
        Self::build(kind, kind.http_status(), None, Cause::Below(source.into())).context(context)
    }

    pub(crate) fn with_status(status: u16, message: Option<Text>) -> Self {
        let kind = Kind::from_http_status(status);
        let status = if (400..600).contains(&status) { status } else { kind.http_status() };
        Self::build(kind, status, message, Cause::None)
    }

    pub(super) fn build(kind: Kind, status: u16, message: Option<Text>, cause: Cause) -> Self {
        Self(Box::new(Inner {
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
            backtrace: std::backtrace::Backtrace::capture(),
        }))
    }
}

/// What an error gathers on its way up.
impl Error {
    /// A stable machine code of the service, `UPPER_SNAKE`, such as `ORDER_NOT_FOUND`. Public, for a 5xx too.
    #[must_use]
    pub fn code(mut self, code: impl Into<Text>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// What was being done when it failed. For the log only, whatever the kind.
    #[must_use]
    pub fn context(mut self, context: impl Into<Text>) -> Self {
        self.0.contexts.push(context.into());
        self
    }

    /// The error behind this one. For the log only. It takes the place of a cause named before.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.0.cause = Cause::Below(source.into());
        self
    }

    /// A field of the body that is wrong: `"customer"`, `"items[0].quantity"` or a JSON pointer `"/items/0/quantity"`.
    /// Public for a 4xx. Other places are named with [`with_violation`](Self::with_violation).
    #[must_use]
    pub fn violation(self, field: impl AsRef<str>, message: impl Into<Text>) -> Self {
        self.with_violation(Violation::body(field, message))
    }

    /// A field, a parameter or a header that is wrong. Public for a 4xx.
    #[must_use]
    pub fn with_violation(mut self, violation: Violation) -> Self {
        self.0.violations.push(violation);
        self
    }

    /// All of these fields, parameters or headers are wrong. Public for a 4xx.
    #[must_use]
    pub fn with_violations(mut self, violations: impl IntoIterator<Item = Violation>) -> Self {
        self.0.violations.extend(violations);
        self
    }

    /// A typed fact for the caller, shown as an extension member of the problem. Public for a 4xx.
    ///
    /// A key that RFC 9457 or this crate has a meaning for (`status`, `code`, ...) is kept for the log and not shown.
    #[must_use]
    pub fn detail(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.details.insert(key.into(), value.into());
        self
    }

    /// How long the caller should wait before it tries again. Public; whole seconds on the wire, rounded up.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// The request that failed. Public.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.0.request_id = Some(id.into().into_boxed_str());
        self
    }

    /// The code of a peer: the kind's own code says which of the kinds that share a status it is. What cannot be a
    /// code is dropped.
    #[must_use]
    pub(crate) fn with_wire_code(mut self, code: Text) -> Self {
        if !is_code(&code) {
            return self;
        }
        let kind = Kind::implied_by(self.0.status, &code);
        self.0.kind = kind;
        if code == kind.code() { self } else { self.code(code) }
    }

    /// The code of a peer whose kind is known already. What cannot be a code is dropped.
    #[cfg(feature = "tonic")]
    #[must_use]
    pub(crate) fn with_remote_code(self, code: String) -> Self {
        if is_code(&code) && code != self.0.kind.code() { self.code(code) } else { self }
    }

    /// The kind that a peer names beside a code of its own; ignored where it contradicts the status.
    #[must_use]
    pub(crate) fn with_wire_kind(mut self, kind: Kind) -> Self {
        if kind.http_status() == self.0.status {
            self.0.kind = kind;
        }
        self
    }

    /// The details of a peer, as they came.
    #[must_use]
    pub(crate) fn with_details(mut self, details: Map<String, Value>) -> Self {
        self.0.details = details;
        self
    }
}
