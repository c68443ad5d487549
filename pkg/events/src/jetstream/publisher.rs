use std::time::Duration;

use async_nats::{Message, StatusCode, Subject};
use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};
use underpin_errors::BoxError;
use underpin_nats::NatsError;

use super::error::{answered, nobody_there};
use super::wire::Outbound;
use super::{Inner, JetStream};
use crate::pattern::check_type;
use crate::{Event, EventPublisher, EventsError, PublishReceipt, deadline};

#[async_trait]
impl EventPublisher for JetStream {
    async fn publish(&self, event: Event) -> Result<PublishReceipt, EventsError> {
        let message = self.inner().outbound(&event)?;
        self.inner().send(&message).await
    }

    async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>> {
        self.inner().publish_in_order(events).await
    }

    async fn flush(&self, within: Duration) -> Result<(), EventsError> {
        self.inner().flushed(within).await.0
    }
}

impl Inner {
    /// Waits for what is under way; returns all places of the window when nothing is any more.
    pub(super) async fn flushed(
        &self,
        within: Duration,
    ) -> (Result<(), EventsError>, Option<SemaphorePermit<'_>>) {
        let until = deadline::after(within);
        let late = || EventsError::Timeout { operation: "flush", within };
        let all = u32::try_from(self.settings.publish.window).unwrap_or(u32::MAX);
        let places = match timeout_at(until, self.window.acquire_many(all)).await {
            Ok(Ok(places)) => places,
            Ok(Err(_)) => return (Err(EventsError::Closed), None),
            Err(_) => return (Err(late()), None),
        };
        let flushed = match timeout_at(until, self.connection.flush()).await {
            Ok(flushed) => flushed.map_err(EventsError::from),
            Err(_) => Err(late()),
        };
        (flushed, Some(places))
    }

    pub(super) fn outbound(&self, event: &Event) -> Result<Outbound, EventsError> {
        Outbound::new(self.subject_of(event)?, event, self.settings.publish.mode)
    }

    pub(super) fn subject_of(&self, event: &Event) -> Result<Subject, EventsError> {
        check_type(event.ty())?;
        Ok(self.settings.stream.subject_of(event.ty()).into())
    }

    pub(super) async fn slot(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, EventsError> {
        match timeout_at(deadline, self.window.acquire()).await {
            Ok(slot) => slot.map_err(|_| EventsError::Closed),
            Err(_) if !self.connection.link().up => Err(EventsError::Disconnected),
            Err(_) => {
                let within = self.settings.publish.timeout;
                Err(EventsError::Timeout { operation: "publish window", within })
            }
        }
    }

    /// Publishes a message until it is acknowledged, at most `retries` times more, all under one absolute deadline.
    pub(super) async fn send(&self, message: &Outbound) -> Result<PublishReceipt, EventsError> {
        let deadline = deadline::after(self.settings.publish.timeout);
        let _slot = self.slot(deadline).await?;
        self.send_until(message, deadline).await
    }

    pub(super) async fn send_until(
        &self,
        message: &Outbound,
        deadline: Instant,
    ) -> Result<PublishReceipt, EventsError> {
        match self.attempt(message.clone(), deadline).await {
            Ok(receipt) => Ok(receipt),
            Err(failure) => self.send_again(message, deadline, failure).await,
        }
    }

    /// What remains after a first attempt has failed.
    pub(super) async fn send_again(
        &self,
        message: &Outbound,
        deadline: Instant,
        mut failure: Failure,
    ) -> Result<PublishReceipt, EventsError> {
        let settings = &self.settings.publish;
        let mut failures = 1;
        // Once an attempt went out unanswered, a later refusal says nothing about it.
        let mut may_be_stored = failure.ambiguous;
        loop {
            let delay = settings.backoff.delay(failures);
            let over = failures > settings.retries || Instant::now() + delay >= deadline;
            if over || !failure.try_again {
                return Err(if may_be_stored {
                    EventsError::Unconfirmed { within: settings.timeout, source: failure.cause() }
                } else {
                    failure.error
                });
            }
            sleep(delay).await;
            failure = match self.attempt(message.clone(), deadline).await {
                Ok(receipt) => return Ok(receipt),
                Err(failure) => failure,
            };
            may_be_stored |= failure.ambiguous;
            failures += 1;
        }
    }

    async fn attempt(&self, message: Outbound, deadline: Instant) -> Result<PublishReceipt, Failure> {
        let (_, until) = self.ready(deadline).await?;
        let Outbound { subject, headers, payload } = message;
        let size = payload.len();
        match self.connection.request(subject.clone(), Some(headers), payload, until).await {
            Ok(message) => self.answer_of(&message, &subject, size),
            Err(NatsError::NoResponders { .. }) => {
                Err(Failure::refused(nobody_there(&subject, self.has_jetstream())))
            }
            Err(NatsError::Timeout { .. }) => Err(self.no_answer()),
            Err(NatsError::Lost) => Err(Failure::unanswered(EventsError::Disconnected)),
            Err(NatsError::Disconnected) => Err(Failure::unprepared(EventsError::Disconnected)),
            Err(failure) => Err(Failure::refused(failure.into())),
        }
    }

    /// Waits for a connection; returns its epoch, and until when an answer to what is sent now is awaited. Nothing is sent any
    /// more once the deadline has passed.
    pub(super) async fn ready(&self, deadline: Instant) -> Result<(u64, Instant), Failure> {
        let epoch = self.connection.connected(deadline).await;
        let epoch = epoch.map_err(|error| Failure::unsent(error.into()))?;
        let now = Instant::now();
        if now >= deadline {
            let within = self.settings.publish.timeout;
            return Err(Failure::unsent(EventsError::Timeout { operation: "publish", within }));
        }
        let until = now.checked_add(self.settings.publish.ack_timeout);
        Ok((epoch, until.map_or(deadline, |until| until.min(deadline))))
    }

    /// What the answer to a message says.
    pub(super) fn answer_of(
        &self,
        answer: &Message,
        subject: &str,
        size: usize,
    ) -> Result<PublishReceipt, Failure> {
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(Failure::refused(nobody_there(subject, self.has_jetstream())));
        }
        match serde_json::from_slice(&answer.payload) {
            Ok(PubAck { error: Some(error), .. }) => Err(Failure::refused(answered(error, subject, size))),
            Ok(PubAck { seq: Some(sequence), duplicate, .. }) => Ok(PublishReceipt::new(sequence, duplicate)),
            // A subscriber of the subject answered instead of a stream, or before one.
            Ok(PubAck { error: None, seq: None, .. }) | Err(_) => {
                Err(Failure::unanswered(EventsError::NoStream { subject: subject.to_owned() }))
            }
        }
    }

    /// Whether the server we are connected to has JetStream, or the domain that we ask for.
    fn has_jetstream(&self) -> bool {
        self.settings.domain.is_some() || self.connection.server_info().jetstream
    }

    pub(super) fn no_answer(&self) -> Failure {
        Failure::unanswered(self.late())
    }

    pub(super) fn late(&self) -> EventsError {
        EventsError::Timeout { operation: "acknowledgement", within: self.settings.publish.ack_timeout }
    }

    /// Waits for nothing: whether publishes are under way.
    pub(super) fn in_window(&self) -> usize {
        self.settings.publish.window.saturating_sub(self.window.available_permits())
    }

    /// Publishes without an answer, for acknowledgements that need none. Bounded, and only while there is a connection.
    pub(super) async fn tell(&self, subject: Subject, payload: Bytes) {
        // A failure changes nothing: the server delivers the message again.
        drop(self.connection.publish(subject, None, None, payload).await);
    }
}

/// Why one attempt failed, and what that says about the event.
pub(super) struct Failure {
    error: EventsError,
    try_again: bool,
    ambiguous: bool,
}

impl Failure {
    pub(super) fn unsent(error: EventsError) -> Self {
        Self { error, try_again: false, ambiguous: false }
    }

    /// Nothing was sent, and the next attempt may fare better.
    pub(super) fn unprepared(error: EventsError) -> Self {
        Self { error, try_again: true, ambiguous: false }
    }

    pub(super) fn unanswered(error: EventsError) -> Self {
        Self { error, try_again: true, ambiguous: true }
    }

    /// The server said no, or nobody was there to say anything. A stream that is missing may be on its way back: after a
    /// restart, a fail-over or a deletion that a subscriber repairs.
    pub(super) fn refused(error: EventsError) -> Self {
        let passing = matches!(error, EventsError::Unavailable(_) | EventsError::NoStream { .. });
        Self { try_again: passing, ambiguous: false, error }
    }

    fn cause(self) -> BoxError {
        Box::new(self.error)
    }
}

/// The answer of a stream to a publish.
#[derive(Deserialize)]
struct PubAck {
    #[serde(default)]
    error: Option<async_nats::jetstream::Error>,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    duplicate: bool,
}
