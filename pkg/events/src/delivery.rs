use std::sync::{Arc, OnceLock};
use std::time::Duration;

use underpin_logger::Context;

use crate::Event;

/// A delivery of an event to a handler.
#[derive(Clone, Debug)]
pub struct Delivery {
    event: Arc<Event>,
    attempt: u32,
    max_attempts: u32,
    sequence: u64,
    context: OnceLock<Context>,
}

impl Delivery {
    /// A first delivery with a single attempt; for tests of handlers and for implementors.
    pub fn new(event: impl Into<Arc<Event>>) -> Self {
        Self { event: event.into(), attempt: 1, max_attempts: 1, sequence: 0, context: OnceLock::new() }
    }

    /// Sets which attempt this is, from 1, and after how many the event becomes a dead letter.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32, max_attempts: u32) -> Self {
        (self.attempt, self.max_attempts) = (attempt, max_attempts);
        self
    }

    /// Sets the position in the stream.
    #[must_use]
    pub fn with_sequence(mut self, sequence: u64) -> Self {
        self.sequence = sequence;
        self
    }

    /// Sets the context of the work; otherwise it is the one that the event names.
    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        Self { context: context.into(), ..self }
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event, without a copy if this is its only holder.
    pub fn into_event(self) -> Event {
        Arc::unwrap_or_clone(self.event)
    }

    /// Which delivery of this event this is, from 1. It may skip numbers after a crash or a lost connection.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether a failure of this attempt makes the event a dead letter.
    pub fn is_last_attempt(&self) -> bool {
        self.attempt >= self.max_attempts
    }

    /// The position in the stream, from 1; 0 when the backend has none.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The log context of this work: the producer's request id, organization and trace, at the span of this attempt if that is recorded.
    pub fn context(&self) -> Context {
        self.context.get_or_init(|| self.event.context()).clone()
    }
}

/// The outcome of a delivery.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_events::Outcome;
///
/// let done = Outcome::ack();
/// let a_dependency_is_away = Outcome::retry("the mail server is away"); // after the subscription's back-off
/// let it_said_when = Outcome::retry_after(Duration::from_secs(30), "too many requests");
/// let another_handler_has_it = Outcome::postpone(Duration::from_secs(1), "claimed"); // counts no attempt
/// let the_event_is_bad = Outcome::dead_letter("no such customer");
/// assert!(done.is_ack() && !a_dependency_is_away.is_ack());
/// # assert!(!it_said_when.is_ack() && !another_handler_has_it.is_ack() && !the_event_is_bad.is_ack());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the outcome decides whether the event comes again"]
#[non_exhaustive]
pub enum Outcome {
    /// Done: the event is not delivered again.
    Ack,
    /// Not now: deliver it again, until the attempts are used up.
    Retry {
        /// How long to wait; the subscription's back-off when none is given.
        after: Option<Duration>,
        /// Why, for the dead letter of the last attempt. Keep secrets out of it.
        reason: String,
    },
    /// Not yet: deliver it again, and count nothing. For an event whose turn has not come, not for one that failed: it is
    /// postponed for as long as a handler says so, and stays in this process in the meantime.
    Postpone {
        /// How long to wait.
        after: Duration,
        /// Why, for the log. Keep secrets out of it.
        reason: String,
    },
    /// Never: make it a dead letter.
    DeadLetter {
        /// Why. Keep secrets out of it.
        reason: String,
    },
}

impl Outcome {
    /// Done.
    pub fn ack() -> Self {
        Self::Ack
    }

    /// Deliver again after the subscription's back-off.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { after: None, reason: reason.into() }
    }

    /// Deliver again after this long.
    pub fn retry_after(after: Duration, reason: impl Into<String>) -> Self {
        Self::Retry { after: Some(after), reason: reason.into() }
    }

    /// Deliver again after this long, without counting an attempt.
    pub fn postpone(after: Duration, reason: impl Into<String>) -> Self {
        Self::Postpone { after, reason: reason.into() }
    }

    /// Dead-letter it.
    pub fn dead_letter(reason: impl Into<String>) -> Self {
        Self::DeadLetter { reason: reason.into() }
    }

    /// Whether this is [`Outcome::Ack`].
    pub fn is_ack(&self) -> bool {
        matches!(self, Self::Ack)
    }
}
