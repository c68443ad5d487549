//! What the client and the server say, told apart.

use async_nats::client::{PublishError, PublishErrorKind};
use async_nats::jetstream::ErrorCode;
use async_nats::{ConnectError, ConnectErrorKind};

use super::requests::Unanswered;
use crate::EventsError;

/// The error of an answer by the JetStream API.
pub(super) fn answered(error: async_nats::jetstream::Error, subject: &str, size: usize) -> EventsError {
    match error.error_code() {
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => {
            EventsError::TooLarge { size, limit: None }
        }
        ErrorCode::STREAM_STORE_FAILED
        | ErrorCode::STORAGE_RESOURCES_EXCEEDED
        | ErrorCode::MEMORY_RESOURCES_EXCEEDED
        | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
        | ErrorCode::STREAM_MAX_STREAM_BYTES_EXCEEDED => EventsError::StreamFull,
        ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_WRONG_LAST_MESSAGE_ID => {
            EventsError::Conflict
        }
        ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
            EventsError::JetStreamDisabled
        }
        ErrorCode::STREAM_NOT_FOUND => EventsError::NoStream { subject: subject.to_owned() },
        ErrorCode::CLUSTER_NOT_AVAILABLE
        | ErrorCode::CLUSTER_NOT_LEADER
        | ErrorCode::CLUSTER_INCOMPLETE
        | ErrorCode::INSUFFICIENT_RESOURCES
        | ErrorCode::STREAM_OFFLINE
        | ErrorCode::CONSUMER_OFFLINE => EventsError::Unavailable(error.into()),
        _ => EventsError::backend("request", error),
    }
}

/// The error of a message that got no answer of its own.
pub(super) fn unanswered(
    failure: Unanswered,
    subject: &str,
    size: usize,
    jetstream_enabled: bool,
) -> EventsError {
    match failure {
        Unanswered::NobodyThere => nobody_there(subject, jetstream_enabled),
        Unanswered::Refused(error) => unsent(error, size),
        Unanswered::Closed | Unanswered::Lost => EventsError::Unavailable(failure.into()),
    }
}

/// The error of a message that nobody listens for.
pub(super) fn nobody_there(subject: &str, jetstream_enabled: bool) -> EventsError {
    if jetstream_enabled {
        EventsError::NoStream { subject: subject.to_owned() }
    } else {
        EventsError::JetStreamDisabled
    }
}

/// The error of a message that the client did not take.
pub(super) fn unsent(error: PublishError, size: usize) -> EventsError {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => EventsError::TooLarge { size, limit: None },
        PublishErrorKind::InvalidSubject => EventsError::InvalidPattern,
        PublishErrorKind::Send => EventsError::Unavailable(error.into()),
    }
}

/// Whether another attempt to connect can help.
pub(super) fn is_final(error: &ConnectError) -> bool {
    matches!(
        error.kind(),
        ConnectErrorKind::ServerParse
            | ConnectErrorKind::Authentication
            | ConnectErrorKind::AuthorizationViolation
            | ConnectErrorKind::Tls
    )
}
