use std::borrow::Cow;
use std::time::Duration;

use underpin_errors::{BoxError, Classify, Kind, Violation};

use crate::remote_error::RemoteError;

/// Why a call failed.
///
/// Branch on the variant or on [`is_retryable`](Self::is_retryable) and [`is_ambiguous`](Self::is_ambiguous), never on the text. In a
/// handler, `?` turns it into an [`Error`](underpin_errors::Error) of the same kind.
///
/// # Examples
/// ```
/// use underpin_errors::{Classify, Error, Kind};
/// use underpin_rpc::RpcError;
///
/// let error = RpcError::remote(Error::not_found("no order 42").code("ORDER_NOT_FOUND"));
/// assert_eq!((error.kind(), error.code().as_deref()), (Kind::NotFound, Some("ORDER_NOT_FOUND")));
/// assert!(!error.is_ambiguous() && !error.is_retryable());
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// No instance serves this subject. Nothing ran.
    #[error("no service listens on subject `{subject}`")]
    NoResponders {
        /// The subject.
        subject: String,
    },
    /// No reply came by the deadline. The request may have been handled.
    #[error("no reply within {} ms", within.as_millis())]
    Timeout {
        /// How long the call waited.
        within: Duration,
    },
    /// The connection was lost after the request was sent. The request may have been handled.
    #[error("the connection was lost before the reply came")]
    Lost,
    /// There was no connection by the deadline. Nothing was sent.
    #[error("not connected")]
    Disconnected,
    /// The connection, or the memory bus, was closed by its owner.
    #[error("closed")]
    Closed,
    /// The request is larger than the server takes. Nothing was sent: send less, or a reference to an object.
    #[error("request of {size} bytes is too large, at most {limit} fit")]
    TooLarge {
        /// The size in bytes, headers included.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The request or the service is not valid. Nothing was sent.
    #[error("{reason}")]
    Invalid {
        /// What to change.
        reason: Cow<'static, str>,
    },
    /// The question could not be encoded. Nothing was sent.
    #[error("the request does not encode")]
    Encode(#[source] BoxError),
    /// The reply is not of the expected type. The request was handled.
    #[error("the reply does not decode")]
    Decode(#[source] BoxError),
    /// The server refused the credentials, or the permission for the subject.
    #[error("not authorized")]
    Unauthorized(#[source] BoxError),
    /// The service answered with an error.
    #[error(transparent)]
    Remote(RemoteError),
    /// Any other failure of the transport.
    #[error("{operation} failed")]
    Transport {
        /// What was attempted.
        operation: &'static str,
        /// What the transport said.
        #[source]
        source: BoxError,
    },
}

impl RpcError {
    /// The error of a service; for tests and mocks of callers.
    pub fn remote(error: underpin_errors::Error) -> Self {
        Self::Remote(RemoteError::new(error))
    }

    pub(crate) fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid { reason: reason.into() }
    }

    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoResponders { .. } | Self::Timeout { .. } | Self::Lost | Self::Disconnected => true,
            Self::Remote(remote) => remote.error().is_retryable(),
            _ => false,
        }
    }

    /// Whether the request may have been handled although the call failed.
    pub fn is_ambiguous(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Lost => true,
            Self::Remote(remote) => {
                let error = remote.error();
                // A drain that ran out of time ended the handler; the service itself lost a call that it made.
                error.kind() == Kind::DeadlineExceeded
                    || matches!(error.error_code(), "SHUT_DOWN" | "CONNECTION_LOST")
            }
            _ => false,
        }
    }

    /// The error of the service, if it answered with one.
    pub fn as_remote(&self) -> Option<&RemoteError> {
        match self {
            Self::Remote(remote) => Some(remote),
            _ => None,
        }
    }
}

impl Classify for RpcError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoResponders { .. } | Self::Lost | Self::Disconnected | Self::Closed => Kind::Unavailable,
            Self::Timeout { .. } => Kind::DeadlineExceeded,
            Self::Remote(remote) => remote.error().kind(),
            Self::TooLarge { .. } => Kind::OutOfRange,
            Self::Invalid { .. }
            | Self::Encode(_)
            | Self::Decode(_)
            | Self::Unauthorized(_)
            | Self::Transport { .. } => Kind::Internal,
        }
    }

    fn code(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NoResponders { .. } => Some("NO_RESPONDERS".into()),
            Self::Lost => Some("CONNECTION_LOST".into()),
            Self::Remote(remote) => Some(remote.error().error_code().to_owned().into()),
            _ => None,
        }
    }

    /// What the service said to its callers. Wrap the error to keep it from yours.
    fn public_message(&self) -> Option<Cow<'static, str>> {
        self.as_remote().map(|remote| remote.error().public_message().to_owned().into())
    }

    fn retry_after(&self) -> Option<Duration> {
        self.as_remote().and_then(|remote| remote.error().retry_delay())
    }

    fn violations(&self) -> Vec<Violation> {
        self.as_remote().map(|remote| remote.error().violations().to_vec()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use underpin_errors::Error;

    use super::*;

    #[test]
    fn a_remote_error_keeps_kind_code_violations_and_delay_through_a_handler() {
        let remote = Error::too_many_requests("slow down")
            .code("TENANT_LIMIT")
            .violation("rate", "too high")
            .retry_after(Duration::from_secs(3));
        let error = Error::from(RpcError::remote(remote));
        assert_eq!((error.kind(), error.error_code()), (Kind::ResourceExhausted, "TENANT_LIMIT"));
        assert_eq!((error.public_message(), error.violations().len()), ("slow down", 1));
        assert_eq!(error.retry_delay(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn only_what_may_have_run_is_ambiguous() {
        let timeout = RpcError::Timeout { within: Duration::from_secs(1) };
        let missing = RpcError::NoResponders { subject: "a".into() };
        assert!(timeout.is_ambiguous() && RpcError::Lost.is_ambiguous());
        assert!(!missing.is_ambiguous() && missing.is_retryable() && !RpcError::Disconnected.is_ambiguous());
        assert_eq!((missing.kind(), timeout.kind()), (Kind::Unavailable, Kind::DeadlineExceeded));
    }
}
