use serde::Deserialize;

use crate::NatsError;

/// Why a call of the JetStream API failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JetStreamError {
    /// No answer came, or the request was not sent.
    #[error("the JetStream API did not answer")]
    Unanswered(#[from] NatsError),
    /// The server answered with an error.
    #[error("the JetStream API refused the call")]
    Refused(#[source] ApiError),
}

/// Why buckets could not be compared with the server or changed on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketsError {
    /// A call failed.
    #[error("{operation} failed")]
    Call {
        /// The call.
        operation: &'static str,
        /// The bucket; empty for a call that concerns all.
        bucket: String,
        /// What the server answered.
        source: JetStreamError,
    },
    /// The buckets differ from their declarations.
    #[error("the buckets differ from their declarations: {}", differences.join("; "))]
    Drift {
        /// One sentence a difference.
        differences: Vec<String>,
    },
}

/// An error that the server answered with.
#[derive(Clone, Debug, Deserialize, thiserror::Error)]
#[error("{description} (error {err_code})")]
#[non_exhaustive]
pub struct ApiError {
    /// The number of the error; 0 when the answer could not be read.
    #[serde(default)]
    pub err_code: u64,
    /// The server's text.
    #[serde(default)]
    pub description: String,
}

impl ApiError {
    const NO_MESSAGE: u64 = 10037;
    const NO_STREAM: u64 = 10059;
    const NO_CONSUMER: u64 = 10014;
    const TOO_LARGE: u64 = 10054;
    const NO_LEADER: u64 = 10008;
    const FULL: [u64; 6] = [10002, 10023, 10028, 10047, 10077, 10122];
    const TRANSIENT: [u64; 6] = [10004, 10006, 10007, Self::NO_LEADER, 10009, 10118];

    /// An answer that is no answer of the API.
    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        Self { err_code: 0, description: format!("the answer cannot be read: {error}") }
    }

    /// The stream is there and has no leader at the moment.
    pub(super) fn no_leader() -> Self {
        Self { err_code: Self::NO_LEADER, description: "the stream has no leader".to_owned() }
    }

    /// Whether the stream has no such message.
    pub fn is_missing_message(&self) -> bool {
        self.err_code == Self::NO_MESSAGE
    }

    /// Whether the stream, or the consumer, does not exist.
    pub fn is_missing_stream(&self) -> bool {
        matches!(self.err_code, Self::NO_STREAM | Self::NO_CONSUMER)
    }

    /// Whether the message is larger than the stream takes.
    pub fn is_too_large(&self) -> bool {
        self.err_code == Self::TOO_LARGE
    }

    /// Whether the stream, the account or the server has no room.
    pub fn is_full(&self) -> bool {
        Self::FULL.contains(&self.err_code)
    }

    /// Whether the same call may succeed later: the cluster has no leader at the moment, for example.
    pub fn is_transient(&self) -> bool {
        Self::TRANSIENT.contains(&self.err_code)
    }
}
