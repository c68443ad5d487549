//! What the client and the server say, told apart.

use async_nats::jetstream::ErrorCode;
use underpin_nats::NatsError;

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

/// The error of a request without responders.
pub(super) fn no_responders(subject: &str, jetstream_enabled: bool) -> EventsError {
    if jetstream_enabled {
        EventsError::NoStream { subject: subject.to_owned() }
    } else {
        EventsError::JetStreamDisabled
    }
}

impl From<NatsError> for EventsError {
    fn from(error: NatsError) -> Self {
        match error {
            NatsError::InvalidOption { option, problem } => Self::InvalidOption { option, problem },
            NatsError::Connect { within, source } => Self::Connect { within, source },
            NatsError::Unauthorized(source) => Self::Unauthorized(source),
            NatsError::Disconnected => Self::Disconnected,
            NatsError::Closed => Self::Closed,
            NatsError::NoResponders { subject } => Self::NoStream { subject },
            NatsError::Timeout { operation, within } => Self::Timeout { operation, within },
            NatsError::TooLarge { size, limit } => Self::TooLarge { size, limit: Some(limit) },
            NatsError::InvalidSubject => Self::InvalidPattern,
            NatsError::ServerTooOld { feature, required, found } => {
                Self::ServerTooOld { feature, required, found }
            }
            NatsError::Unavailable(source) => Self::Unavailable(source),
            other => Self::Unavailable(other.into()),
        }
    }
}
