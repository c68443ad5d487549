use std::fmt;

/// The class of a failure: the 16 error codes of `google.rpc`.
///
/// One table maps a kind to its HTTP status, its gRPC number, its machine code and whether a retry can help:
///
/// | kind | HTTP | gRPC | retry |
/// |---|---|---|---|
/// | `InvalidArgument` | 400 | 3 | no |
/// | `FailedPrecondition` | 400 | 9 | no |
/// | `OutOfRange` | 400 | 11 | no |
/// | `Unauthenticated` | 401 | 16 | no |
/// | `PermissionDenied` | 403 | 7 | no |
/// | `NotFound` | 404 | 5 | no |
/// | `AlreadyExists` | 409 | 6 | no |
/// | `Aborted` | 409 | 10 | yes: the whole unit of work |
/// | `ResourceExhausted` | 429 | 8 | yes: after a delay |
/// | `Cancelled` | 499 | 1 | no |
/// | `DeadlineExceeded` | 504 | 4 | only what is idempotent |
/// | `Unimplemented` | 501 | 12 | no |
/// | `Unavailable` | 503 | 14 | yes: after a delay |
/// | `DataLoss` | 500 | 15 | no |
/// | `Internal` | 500 | 13 | no |
/// | `Unknown` | 500 | 2 | no |
///
/// Source of the numbers: `google/rpc/code.proto`.
///
/// # Examples
/// ```
/// use underpin_errors::Kind;
///
/// let kind = Kind::ResourceExhausted;
/// assert_eq!((kind.http_status(), kind.grpc_code(), kind.code()), (429, 8, "RESOURCE_EXHAUSTED"));
/// assert!(kind.is_retryable() && !Kind::InvalidArgument.is_retryable());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is invalid whatever the state of the system.
    InvalidArgument,
    /// The system is not in the state that the request needs.
    FailedPrecondition,
    /// The request goes past a valid range, such as the end of a list.
    OutOfRange,
    /// Credentials are missing or invalid.
    Unauthenticated,
    /// The caller lacks a permission.
    PermissionDenied,
    /// The resource does not exist.
    NotFound,
    /// The resource to create exists already.
    AlreadyExists,
    /// A concurrent operation conflicted (serialization failure, deadlock): run the whole unit of work again.
    Aborted,
    /// A quota or rate is used up.
    ResourceExhausted,
    /// The caller cancelled the request.
    Cancelled,
    /// The deadline passed before completion was known; the work may have been done.
    DeadlineExceeded,
    /// The operation is not supported here.
    Unimplemented,
    /// A dependency or this service is unreachable.
    Unavailable,
    /// Data is lost or corrupt.
    DataLoss,
    /// An invariant is broken: a bug or a wrong configuration.
    Internal,
    /// Unclassified.
    Unknown,
}

impl Kind {
    /// Every kind, in the order of the table.
    pub const ALL: [Self; 16] = [
        Self::InvalidArgument,
        Self::FailedPrecondition,
        Self::OutOfRange,
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Aborted,
        Self::ResourceExhausted,
        Self::Cancelled,
        Self::DeadlineExceeded,
        Self::Unimplemented,
        Self::Unavailable,
        Self::DataLoss,
        Self::Internal,
        Self::Unknown,
    ];

    /// The HTTP status that a caller sees.
    pub const fn http_status(self) -> u16 {
        self.row().http
    }

    /// The number of the gRPC status code.
    pub const fn grpc_code(self) -> i32 {
        self.row().grpc
    }

    /// The machine code, such as `"NOT_FOUND"`; see [`crate::code`].
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// True where the same call can succeed later and is known not to have taken effect.
    pub const fn is_retryable(self) -> bool {
        matches!(self.row().retry, Retry::Yes)
    }

    /// Like [`is_retryable`](Self::is_retryable), for a call that does no harm when it happens twice:
    /// a timeout may be retried too.
    pub const fn is_retryable_if_idempotent(self) -> bool {
        matches!(self.row().retry, Retry::Yes | Retry::IfIdempotent)
    }

    /// The public sentence for errors without a public text.
    pub const fn public_sentence(self) -> &'static str {
        self.row().sentence
    }

    /// The kind with this machine code, if it is one of the 16.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The kind with this gRPC number; `None` for 0 (OK) and numbers that do not exist.
    pub fn from_grpc_code(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.grpc_code() == number)
    }

    /// The kind that an HTTP status implies.
    ///
    /// Several kinds share 400, 409 and 500; the one that promises least is taken: 409 is `AlreadyExists`,
    /// because `Aborted` would invite a retry. A status that is no error is `Unknown`.
    pub const fn from_http_status(status: u16) -> Self {
        match status {
            401 | 407 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 | 410 => Self::NotFound,
            405 | 501 | 505 => Self::Unimplemented,
            408 | 504 => Self::DeadlineExceeded,
            409 => Self::AlreadyExists,
            412 | 423 | 424 | 428 => Self::FailedPrecondition,
            413 | 416 => Self::OutOfRange,
            429 => Self::ResourceExhausted,
            499 => Self::Cancelled,
            400..=498 => Self::InvalidArgument,
            502 | 503 => Self::Unavailable,
            500..=599 => Self::Internal,
            _ => Self::Unknown,
        }
    }

    /// The kind that status and code imply together: a code of the table decides between kinds of one status.
    pub(crate) fn implied_by(status: u16, code: &str) -> Self {
        match Self::from_code(code) {
            Some(kind) if kind.http_status() == status => kind,
            _ => Self::from_http_status(status),
        }
    }

    const fn row(self) -> Row {
        use Retry::{IfIdempotent, No, Yes};
        match self {
            Self::InvalidArgument => Row::new(400, 3, No, "INVALID_ARGUMENT", "the request is not valid"),
            Self::FailedPrecondition => {
                Row::new(400, 9, No, "FAILED_PRECONDITION", "the request does not fit the current state")
            }
            Self::OutOfRange => Row::new(400, 11, No, "OUT_OF_RANGE", "the request is out of range"),
            Self::Unauthenticated => Row::new(401, 16, No, "UNAUTHENTICATED", "authentication is required"),
            Self::PermissionDenied => Row::new(403, 7, No, "PERMISSION_DENIED", "this is not permitted"),
            Self::NotFound => Row::new(404, 5, No, "NOT_FOUND", "the requested resource does not exist"),
            Self::AlreadyExists => Row::new(409, 6, No, "ALREADY_EXISTS", "the resource already exists"),
            Self::Aborted => Row::new(409, 10, Yes, "ABORTED", "concurrent work got in the way, try again"),
            Self::ResourceExhausted => {
                Row::new(429, 8, Yes, "RESOURCE_EXHAUSTED", "too many requests, try again later")
            }
            Self::Cancelled => Row::new(499, 1, No, "CANCELLED", "the request was cancelled"),
            Self::DeadlineExceeded => {
                Row::new(504, 4, IfIdempotent, "DEADLINE_EXCEEDED", "the request took too long")
            }
            Self::Unimplemented => Row::new(501, 12, No, "UNIMPLEMENTED", "this is not supported"),
            Self::Unavailable => Row::new(
                503,
                14,
                Yes,
                "UNAVAILABLE",
                "the service is temporarily unavailable, try again later",
            ),
            Self::DataLoss => Row::new(500, 15, No, "DATA_LOSS", "an internal error occurred"),
            Self::Internal => Row::new(500, 13, No, "INTERNAL", "an internal error occurred"),
            Self::Unknown => Row::new(500, 2, No, "UNKNOWN", "an internal error occurred"),
        }
    }
}

/// Prints the machine code.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

struct Row {
    http: u16,
    grpc: i32,
    retry: Retry,
    code: &'static str,
    sentence: &'static str,
}

impl Row {
    const fn new(http: u16, grpc: i32, retry: Retry, code: &'static str, sentence: &'static str) -> Self {
        Self { http, grpc, retry, code, sentence }
    }
}

enum Retry {
    Yes,
    IfIdempotent,
    No,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_and_grpc_numbers_are_unique_and_complete() {
        let codes: HashSet<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
        let numbers: HashSet<_> = Kind::ALL.iter().map(|kind| kind.grpc_code()).collect();
        assert_eq!(codes.len(), 16);
        assert_eq!(numbers, (1..=16).collect());
    }

    #[test]
    fn a_kind_is_found_again_by_code_and_number() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_code(kind.code()), Some(kind));
            assert_eq!(Kind::from_grpc_code(kind.grpc_code()), Some(kind));
        }
        assert_eq!(Kind::from_code("ORDER_NOT_FOUND"), None);
        assert_eq!(Kind::from_grpc_code(0), None);
    }

    #[test]
    fn a_status_implies_a_kind_that_never_promises_more_than_the_kind_it_came_from() {
        for kind in Kind::ALL {
            let implied = Kind::from_http_status(kind.http_status());
            assert_eq!(implied.http_status(), kind.http_status(), "{kind}");
            assert!(!implied.is_retryable() || kind.is_retryable(), "{kind}");
        }
    }

    #[test]
    fn a_status_of_no_kind_implies_the_nearest_one() {
        for (status, kind) in [
            (402, Kind::InvalidArgument),
            (405, Kind::Unimplemented),
            (407, Kind::Unauthenticated),
            (408, Kind::DeadlineExceeded),
            (410, Kind::NotFound),
            (412, Kind::FailedPrecondition),
            (413, Kind::OutOfRange),
            (422, Kind::InvalidArgument),
            (498, Kind::InvalidArgument),
            (502, Kind::Unavailable),
            (505, Kind::Unimplemented),
            (511, Kind::Internal),
        ] {
            assert_eq!(Kind::from_http_status(status), kind, "{status}");
        }
    }

    #[test]
    fn a_status_that_is_no_error_is_unknown() {
        for status in [0, 100, 200, 304, 399, 600, u16::MAX] {
            assert_eq!(Kind::from_http_status(status), Kind::Unknown);
        }
    }

    #[test]
    fn a_timeout_is_retried_only_where_that_is_harmless() {
        assert!(!Kind::DeadlineExceeded.is_retryable());
        assert!(Kind::DeadlineExceeded.is_retryable_if_idempotent());
        assert!(!Kind::Internal.is_retryable_if_idempotent());
    }
}
