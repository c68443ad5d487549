use std::{sync::Arc, time::Duration};

use async_nats::{Message, StatusCode, Subject};
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout_at};
use underpin_nats::NatsError;

use super::api::JetStreamApi;
use super::error::{answered, no_responders};
use super::failure::Failure;
use super::publish_settings::PublishSettings;
use super::settings::JetStreamSettings;
use super::stream_settings::StreamSettings;
use super::wire::Outbound;
use crate::pattern::check_type;
use crate::{Event, EventsError, PublishReceipt, deadline};

/// Publishes messages until they are acknowledged, as many at once as the window has permits.
pub(crate) struct Publisher {
    pub(super) api: Arc<JetStreamApi>,
    pub(super) settings: PublishSettings,
    pub(super) window: Semaphore,
    stream: StreamSettings,
}

impl Publisher {
    pub(super) fn new(api: Arc<JetStreamApi>, settings: &JetStreamSettings) -> Self {
        let window = Semaphore::new(settings.publish.window);
        Self { api, settings: settings.publish.clone(), window, stream: settings.stream.clone() }
    }

    pub(super) fn outbound(&self, event: &Event) -> Result<Outbound, EventsError> {
        Outbound::new(self.subject_of(event)?, event, self.settings.mode)
    }

    pub(super) fn subject_of(&self, event: &Event) -> Result<Subject, EventsError> {
        check_type(event.ty())?;
        Ok(self.stream.subject_of(event.ty()).into())
    }

    /// Waits until no publish is in flight.
    pub(super) async fn flush(&self, within: Duration) -> Result<(), EventsError> {
        self.flushed(within).await.0
    }

    /// Waits until no publish is in flight, and lets none begin.
    pub(super) async fn close(&self, within: Duration) -> Result<(), EventsError> {
        // The permits are held until the window is closed: a publish that began in between would not be waited for.
        let (flushed, permits) = self.flushed(within).await;
        self.window.close();
        drop(permits);
        flushed
    }

    async fn flushed(&self, within: Duration) -> (Result<(), EventsError>, Option<SemaphorePermit<'_>>) {
        let until = deadline::after(within);
        let late = || EventsError::Timeout { operation: "flush", within };
        let all = u32::try_from(self.settings.window).unwrap_or(u32::MAX);
        let permits = match timeout_at(until, self.window.acquire_many(all)).await {
            Ok(Ok(permits)) => permits,
            Ok(Err(_)) => return (Err(EventsError::Closed), None),
            Err(_) => return (Err(late()), None),
        };
        let flushed = match timeout_at(until, self.api.connection.flush()).await {
            Ok(flushed) => flushed.map_err(EventsError::from),
            Err(_) => Err(late()),
        };
        (flushed, Some(permits))
    }

    /// Waits for a permit of the window.
    pub(super) async fn permit(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, EventsError> {
        match timeout_at(deadline, self.window.acquire()).await {
            Ok(permit) => permit.map_err(|_| EventsError::Closed),
            Err(_) if !self.api.connection.link().up => Err(EventsError::Disconnected),
            Err(_) => {
                Err(EventsError::Timeout { operation: "publish window", within: self.settings.timeout })
            }
        }
    }

    /// Publishes a message until it is acknowledged, at most `retries` times more, all under one absolute deadline.
    pub(super) async fn send(&self, message: &Outbound) -> Result<PublishReceipt, EventsError> {
        let deadline = deadline::after(self.settings.timeout);
        let _permit = self.permit(deadline).await?;
        match self.attempt(message.clone(), deadline).await {
            Ok(receipt) => Ok(receipt),
            Err(failure) => self.send_again(message, deadline, failure).await,
        }
    }

    /// The attempts that remain after the first has failed.
    pub(super) async fn send_again(
        &self,
        message: &Outbound,
        deadline: Instant,
        mut failure: Failure,
    ) -> Result<PublishReceipt, EventsError> {
        let settings = &self.settings;
        let mut failures = 1;
        // Once an attempt was sent and not answered, a later failure does not tell whether the event is stored. Only a denial
        // does: the subject was forbidden for the attempts before as well.
        let mut may_be_stored = failure.ambiguous;
        loop {
            let delay = settings.backoff.delay(failures);
            let over = failures > settings.retries || Instant::now() + delay >= deadline;
            if over || !failure.retryable {
                let denied = matches!(failure.error, EventsError::Unauthorized(_));
                return Err(if may_be_stored && !denied {
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
        match self.api.connection.request(subject.clone(), Some(headers), payload, until).await {
            Ok(message) => self.receipt(&message, &subject, size),
            Err(NatsError::NoResponders { .. }) => {
                Err(Failure::refused(no_responders(&subject, self.api.has_jetstream())))
            }
            Err(NatsError::Timeout { .. }) => Err(self.no_answer()),
            Err(NatsError::Lost) => Err(Failure::unanswered(EventsError::Disconnected)),
            Err(failure) => Err(Failure::not_taken(failure)),
        }
    }

    /// Waits for a connection; returns its epoch, and how long an answer to what is sent now is awaited. Past the deadline nothing
    /// is sent.
    pub(super) async fn ready(&self, deadline: Instant) -> Result<(u64, Instant), Failure> {
        let epoch = self.api.connection.connected(deadline).await;
        let epoch = epoch.map_err(|error| Failure::unsent(error.into()))?;
        let now = Instant::now();
        if now >= deadline {
            let within = self.settings.timeout;
            return Err(Failure::unsent(EventsError::Timeout { operation: "publish", within }));
        }
        let until = now.checked_add(self.settings.ack_timeout);
        Ok((epoch, until.map_or(deadline, |until| until.min(deadline))))
    }

    /// Reads the answer to a message.
    pub(super) fn receipt(
        &self,
        answer: &Message,
        subject: &str,
        size: usize,
    ) -> Result<PublishReceipt, Failure> {
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(Failure::refused(no_responders(subject, self.api.has_jetstream())));
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

    pub(super) fn no_answer(&self) -> Failure {
        Failure::unanswered(EventsError::Timeout {
            operation: "acknowledgement",
            within: self.settings.ack_timeout,
        })
    }

    /// How many publishes are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.settings.window.saturating_sub(self.window.available_permits())
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
