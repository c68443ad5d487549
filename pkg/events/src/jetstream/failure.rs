use underpin_errors::BoxError;
use underpin_nats::NatsError;

use crate::EventsError;

/// Why one attempt to publish failed, and what that means for the event.
pub(super) struct Failure {
    pub(super) error: EventsError,
    pub(super) retryable: bool,
    /// Whether the event may be stored.
    pub(super) ambiguous: bool,
}

impl Failure {
    /// Nothing was sent, and there is no time for another attempt.
    pub(super) fn unsent(error: EventsError) -> Self {
        Self { error, retryable: false, ambiguous: false }
    }

    /// Nothing was sent, and the next attempt may succeed.
    pub(super) fn unprepared(error: EventsError) -> Self {
        Self { error, retryable: true, ambiguous: false }
    }

    pub(super) fn unanswered(error: EventsError) -> Self {
        Self { error, retryable: true, ambiguous: true }
    }

    /// The server refused, or there is no stream. A missing stream may come back: after a restart, a fail-over or a deletion
    /// that a subscriber repairs.
    pub(super) fn refused(error: EventsError) -> Self {
        let passing = matches!(error, EventsError::Unavailable(_) | EventsError::NoStream { .. });
        Self { retryable: passing, ambiguous: false, error }
    }

    /// The failure of a message that the connection did not take.
    pub(super) fn not_taken(error: NatsError) -> Self {
        match error {
            NatsError::Disconnected | NatsError::Timeout { .. } => Self::unprepared(error.into()),
            other => Self::refused(other.into()),
        }
    }

    pub(super) fn cause(self) -> BoxError {
        Box::new(self.error)
    }
}
