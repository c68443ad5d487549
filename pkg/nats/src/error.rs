use std::time::Duration;

use async_nats::client::{PublishError, PublishErrorKind};
use underpin_errors::{BoxError, Classify, Kind};

/// Why an operation on the connection failed.
///
/// Branch on the variant or on [`NatsError::is_retryable`] and [`NatsError::is_ambiguous`], never on the text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// A setting is out of range.
    #[error("setting `{option}` {problem}")]
    InvalidOption {
        /// The setting, dotted.
        option: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No server could be reached in time, or it refused the connection.
    #[error("could not connect within {} ms", within.as_millis())]
    Connect {
        /// The limit of the whole attempt.
        within: Duration,
        /// The failure of the last attempt.
        #[source]
        source: BoxError,
    },
    /// The server refused the credentials, or the permission for the subject. Trying again does not help.
    #[error("not authorized")]
    Unauthorized(#[source] BoxError),
    /// No subscriber listens on the subject of a request. Nothing ran.
    #[error("no responders on subject `{subject}`")]
    NoResponders {
        /// The subject.
        subject: String,
    },
    /// The connection was lost after the request was sent: it may have been handled.
    #[error("the connection was lost before the answer came")]
    Lost,
    /// The call did not finish in time. A request may have been handled.
    #[error("{operation} did not finish within {} ms", within.as_millis())]
    Timeout {
        /// The call.
        operation: &'static str,
        /// Its limit.
        within: Duration,
    },
    /// The message is larger than the server takes. It was not sent.
    #[error("message of {size} bytes is too large")]
    TooLarge {
        /// The size of the payload in bytes.
        size: usize,
        /// The limit of the server in bytes, headers included.
        limit: usize,
    },
    /// The subject cannot be published to or subscribed. The message was not sent.
    #[error("not a valid subject")]
    InvalidSubject,
    /// There was no connection until the deadline. The message was not sent.
    #[error("not connected")]
    Disconnected,
    /// The connection was closed by its owner.
    #[error("closed")]
    Closed,
    /// The client did not take the message. It was not sent.
    #[error("the client is not able to send")]
    Unavailable(#[source] BoxError),
    /// The server lacks a feature.
    #[error("server {found} is too old, {feature} needs {required}")]
    ServerTooOld {
        /// The feature.
        feature: &'static str,
        /// The version that has it.
        required: &'static str,
        /// The version of the server.
        found: String,
    },
}

impl NatsError {
    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Disconnected
                | Self::NoResponders { .. }
                | Self::Lost
                | Self::Timeout { .. }
                | Self::Unavailable(_)
        )
    }

    /// Whether the message may have arrived although the call failed.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Lost | Self::Timeout { .. })
    }

    pub(crate) fn option(option: impl Into<String>, problem: &'static str) -> Self {
        Self::InvalidOption { option: option.into(), problem }
    }

    /// The error of a message that the client did not take.
    pub(crate) fn unsent(error: PublishError, size: usize, limit: usize) -> Self {
        match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => Self::TooLarge { size, limit },
            PublishErrorKind::InvalidSubject => Self::InvalidSubject,
            PublishErrorKind::Send => Self::Unavailable(error.into()),
        }
    }
}

impl Classify for NatsError {
    fn kind(&self) -> Kind {
        match self {
            Self::TooLarge { .. } | Self::InvalidSubject => Kind::InvalidArgument,
            Self::Connect { .. }
            | Self::Disconnected
            | Self::Closed
            | Self::NoResponders { .. }
            | Self::Lost
            | Self::Unavailable(_) => Kind::Unavailable,
            Self::Timeout { .. } => Kind::DeadlineExceeded,
            Self::InvalidOption { .. } | Self::Unauthorized(_) | Self::ServerTooOld { .. } => Kind::Internal,
        }
    }
}
