use underpin_nats::NatsError;
use underpin_nats::jetstream::{ApiError, BucketsError, JetStreamError};

use crate::StoreError;

/// For backends in JetStream.
impl StoreError {
    /// The error of a call that changed nothing.
    pub fn jetstream(operation: &'static str, bucket: &str, error: JetStreamError) -> Self {
        match error {
            JetStreamError::Unanswered(error) => Self::unanswered(operation, error),
            JetStreamError::Refused(error) => Self::refused(operation, bucket, 0, error),
            other => Self::Unavailable(Box::new(other)),
        }
    }

    /// The error of an operation that got this answer; `size` is that of the value.
    pub fn refused(operation: &'static str, bucket: &str, size: usize, error: ApiError) -> Self {
        match error {
            error if error.is_missing_stream() => Self::NoBucket { bucket: bucket.to_owned() },
            error if error.is_too_large() => Self::TooLarge { size, limit: None },
            error if error.is_full() => Self::Full,
            error if error.is_transient() => Self::Unavailable(Box::new(error)),
            error => Self::Backend { operation, source: Box::new(error) },
        }
    }

    /// The error of a request that changed nothing and has no answer.
    pub fn unanswered(operation: &'static str, error: NatsError) -> Self {
        match error {
            NatsError::Timeout { within, .. } => Self::Timeout { operation, within },
            other => not_sent(other),
        }
    }
}

impl From<BucketsError> for StoreError {
    fn from(error: BucketsError) -> Self {
        match error {
            BucketsError::Call { operation, bucket, source } => Self::jetstream(operation, &bucket, source),
            BucketsError::Drift { differences } => Self::Drift { differences },
            other => Self::Unavailable(Box::new(other)),
        }
    }
}

/// The error of a write that may have been sent.
pub(super) fn unconfirmed(error: NatsError) -> StoreError {
    if error.is_ambiguous() { StoreError::Unconfirmed(Box::new(error)) } else { not_sent(error) }
}

fn not_sent(error: NatsError) -> StoreError {
    match error {
        NatsError::Disconnected => StoreError::Disconnected,
        NatsError::Closed => StoreError::Closed,
        NatsError::TooLarge { size, limit } => StoreError::TooLarge { size, limit: Some(limit) },
        NatsError::Unauthorized(source) => StoreError::Unauthorized(source),
        NatsError::InvalidOption { option, problem } => StoreError::InvalidOption { option, problem },
        NatsError::ServerTooOld { feature, required, .. } => StoreError::ServerTooOld { feature, required },
        other => StoreError::Unavailable(Box::new(other)),
    }
}
