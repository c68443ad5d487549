use std::time::Duration;

use underpin_config::{Checks, Validate};
use underpin_errors::{BoxError, Classify, Kind};

use crate::InvalidEventError;

/// Why an operation on the bus failed.
///
/// Branch on the variant or on [`EventsError::is_retryable`] and [`EventsError::is_ambiguous`], never on the text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// The event cannot be published or decoded.
    #[error("event is not valid")]
    InvalidEvent(#[source] InvalidEventError),
    /// An option or a setting is out of range.
    #[error("option `{option}` {problem}")]
    InvalidOption {
        /// The option, dotted.
        option: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The event type cannot be part of a subject, or a filter is not a pattern.
    #[error("not a valid event type pattern")]
    InvalidPattern,
    /// No server could be reached in time, or it refused the connection.
    #[error("could not connect within {} ms", within.as_millis())]
    Connect {
        /// The limit of the whole attempt.
        within: Duration,
        /// What the last attempt said.
        #[source]
        source: BoxError,
    },
    /// The server refused the credentials or the permission. Trying again does not help.
    #[error("not authorized")]
    Unauthorized(#[source] BoxError),
    /// There was no connection until the deadline. The message was not sent.
    #[error("not connected")]
    Disconnected,
    /// The bus, connection or subscription was closed by its owner.
    #[error("closed")]
    Closed,
    /// No stream stores this subject.
    #[error("no stream stores subject `{subject}`")]
    NoStream {
        /// The subject.
        subject: String,
    },
    /// The server runs without JetStream, or this account may not use it.
    #[error("JetStream is not enabled")]
    JetStreamDisabled,
    /// The event is larger than the server or the stream takes.
    #[error("event of {size} bytes is too large")]
    TooLarge {
        /// The encoded size in bytes.
        size: usize,
        /// The limit in bytes, where the server told it.
        limit: Option<usize>,
    },
    /// The stream is full and refuses new messages.
    #[error("stream is full")]
    StreamFull,
    /// A precondition on the stream's last sequence did not hold.
    #[error("stream changed in the meantime")]
    Conflict,
    /// The event was sent and nothing certain came back in time: it may or may not be stored. Publishing the same event
    /// again is safe inside the duplicate window.
    #[error("not confirmed within {} ms", within.as_millis())]
    Unconfirmed {
        /// The deadline of the whole operation.
        within: Duration,
        /// What the last attempt said.
        #[source]
        source: BoxError,
    },
    /// The server cannot answer at the moment, for example while a cluster elects a leader.
    #[error("server is not able to answer")]
    Unavailable(#[source] BoxError),
    /// A call did not finish in time; it changes nothing or can be repeated.
    #[error("{operation} did not finish within {} ms", within.as_millis())]
    Timeout {
        /// The call.
        operation: &'static str,
        /// Its limit.
        within: Duration,
    },
    /// The server lacks what was asked for, and would have ignored it in silence.
    #[error("server {found} is too old, {feature} needs {required}")]
    ServerTooOld {
        /// What was asked for.
        feature: &'static str,
        /// The version that has it.
        required: &'static str,
        /// The version of the server.
        found: String,
    },
    /// Streams or consumers on the server are not what was declared.
    #[error("topology differs from its declaration: {}", differences.join("; "))]
    Drift {
        /// One sentence a difference.
        differences: Vec<String>,
    },
    /// The durable consumer of a subscription belongs to another service: the two would share its events.
    #[error(
        "consumer {consumer} belongs to service `{owner}`, and this is service `{service}`: choose another subscription name"
    )]
    ForeignConsumer {
        /// The name of the consumer, which is that of the subscription.
        consumer: String,
        /// The service that it belongs to.
        owner: String,
        /// This service.
        service: String,
    },
    /// Something that should be there is not: a stream, a consumer, a dead letter.
    #[error("{what} not found")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// Any other failure of the backend.
    #[error("{operation} failed")]
    Backend {
        /// What was attempted.
        operation: &'static str,
        /// What the backend said.
        #[source]
        source: BoxError,
    },
}

impl EventsError {
    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Disconnected
                | Self::Unavailable(_)
                | Self::StreamFull
                | Self::Unconfirmed { .. }
                | Self::Timeout { .. }
        )
    }

    /// Whether the effect may have happened although the call failed.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. })
    }

    /// Checks settings; the error names the first that is out of range.
    pub(crate) fn check(settings: &dyn Validate) -> Result<(), Self> {
        match Checks::of(settings).failures().first() {
            Some(failure) => Err(Self::option(failure.key(), failure.message())),
            None => Ok(()),
        }
    }

    pub(crate) fn option(option: impl Into<String>, problem: &'static str) -> Self {
        Self::InvalidOption { option: option.into(), problem }
    }

    /// What a backend says and no other variant tells; for implementors.
    pub fn backend(operation: &'static str, source: impl Into<BoxError>) -> Self {
        Self::Backend { operation, source: source.into() }
    }
}

impl From<InvalidEventError> for EventsError {
    fn from(error: InvalidEventError) -> Self {
        Self::InvalidEvent(error)
    }
}

impl Classify for EventsError {
    fn kind(&self) -> Kind {
        match self {
            Self::InvalidEvent(_) | Self::InvalidPattern | Self::TooLarge { .. } => Kind::InvalidArgument,
            Self::Connect { .. } | Self::Disconnected | Self::Closed | Self::Unavailable(_) => {
                Kind::Unavailable
            }
            Self::StreamFull => Kind::ResourceExhausted,
            Self::Conflict => Kind::Aborted,
            Self::Unconfirmed { .. } | Self::Timeout { .. } => Kind::DeadlineExceeded,
            Self::NotFound { .. } => Kind::NotFound,
            Self::InvalidOption { .. }
            | Self::Unauthorized(_)
            | Self::NoStream { .. }
            | Self::JetStreamDisabled
            | Self::ServerTooOld { .. }
            | Self::Drift { .. }
            | Self::ForeignConsumer { .. }
            | Self::Backend { .. } => Kind::Internal,
        }
    }
}
