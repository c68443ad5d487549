use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use async_nats::Request;
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::Deserialize;
use tokio::sync::SemaphorePermit;
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use underpin_errors::BoxError;

use super::error::{answered, unanswered};
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
        let inner = self.inner();
        let until = deadline::after(within);
        let late = |_| EventsError::Timeout { operation: "flush", within };
        let all = u32::try_from(inner.settings.publish.window).unwrap_or(u32::MAX);
        let idle = timeout_at(until, inner.window.acquire_many(all)).await.map_err(late)?;
        drop(idle.map_err(|_| EventsError::Closed)?);
        timeout_at(until, inner.connection.client().flush())
            .await
            .map_err(late)?
            .map_err(|error| EventsError::Unavailable(error.into()))
    }
}

impl Inner {
    fn outbound(&self, event: &Event) -> Result<Outbound, EventsError> {
        check_type(event.ty())?;
        Outbound::new(self.settings.stream.subject_of(event.ty()), event, self.settings.publish.mode)
    }

    /// Publishes events so that their first attempts reach the connection one after the other.
    async fn publish_in_order(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>> {
        let deadline = deadline::after(self.settings.publish.timeout);
        let mut results = Vec::with_capacity(events.len());
        let mut under_way = FuturesUnordered::new();
        for (index, event) in events.iter().enumerate() {
            let mut turn = pin!(self.turn(event, deadline));
            let turn = loop {
                tokio::select! {
                    biased;
                    Some(result) = under_way.next() => results.push(result),
                    turn = &mut turn => break turn,
                }
            };
            let (message, slot) = match turn {
                Ok(turn) => turn,
                Err(error) => {
                    results.push((index, Err(error)));
                    continue;
                }
            };
            // The first poll hands the message to the connection, or queues for that behind those before it. It must not
            // be put off by the scheduler's budget, or the next one overtakes it.
            let mut publish = Box::pin(unconstrained(async move {
                let result = self.send_until(&message, deadline).await;
                drop(slot);
                (index, result)
            }));
            match futures_util::poll!(publish.as_mut()) {
                Poll::Ready(result) => results.push(result),
                Poll::Pending => under_way.push(publish),
            }
        }
        while let Some(result) = under_way.next().await {
            results.push(result);
        }
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Everything that has to be there before an event can be sent at once.
    async fn turn(
        &self,
        event: &Event,
        deadline: Instant,
    ) -> Result<(Outbound, SemaphorePermit<'_>), EventsError> {
        let message = self.outbound(event)?;
        let slot = self.slot(deadline).await?;
        self.connection.connected(deadline).await?;
        Ok((message, slot))
    }

    async fn slot(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, EventsError> {
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

    async fn send_until(&self, message: &Outbound, deadline: Instant) -> Result<PublishReceipt, EventsError> {
        let settings = &self.settings.publish;
        let mut failures = 0;
        // Once an attempt went out unanswered, a later refusal says nothing about it.
        let mut may_be_stored = false;
        loop {
            let failure = match self.attempt(message, deadline).await {
                Ok(receipt) => return Ok(receipt),
                Err(failure) => failure,
            };
            may_be_stored |= failure.ambiguous;
            failures += 1;
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
        }
    }

    async fn attempt(&self, message: &Outbound, deadline: Instant) -> Result<PublishReceipt, Failure> {
        let size = message.payload.len();
        let epoch = self.connection.connected(deadline).await.map_err(Failure::unsent)?;
        let until = deadline.min(deadline::after(self.settings.publish.ack_timeout));
        let request =
            Request::new().headers(message.headers.clone()).payload(message.payload.clone()).timeout(None);
        let response = tokio::select! {
            biased;
            response = timeout_at(until, self.connection.client().send_request(message.subject.clone(), request)) => response,
            // No answer can come over a connection that is gone: no use in waiting for the timeout.
            () = self.connection.lost(epoch) => return Err(Failure::unanswered(EventsError::Disconnected)),
        };
        let response = match response {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let enabled = self.connection.server_info().jetstream || self.settings.domain.is_some();
                return Err(Failure::refused(unanswered(error, &message.subject, size, enabled)));
            }
            Err(_) => {
                let within = self.settings.publish.ack_timeout;
                return Err(Failure::unanswered(EventsError::Timeout {
                    operation: "acknowledgement",
                    within,
                }));
            }
        };
        match serde_json::from_slice(&response.payload) {
            Ok(PubAck { error: Some(error), .. }) => {
                Err(Failure::refused(answered(error, &message.subject, size)))
            }
            Ok(PubAck { seq: Some(sequence), duplicate, .. }) => Ok(PublishReceipt::new(sequence, duplicate)),
            // A subscriber of the subject answered instead of a stream.
            Ok(PubAck { error: None, seq: None, .. }) | Err(_) => {
                Err(Failure::refused(EventsError::NoStream { subject: message.subject.clone() }))
            }
        }
    }

    /// Waits for nothing: whether publishes are under way.
    pub(super) fn in_window(&self) -> usize {
        self.settings.publish.window.saturating_sub(self.window.available_permits())
    }

    /// Publishes without an answer, for acknowledgements that need none. Bounded, and only while there is a connection.
    pub(super) async fn tell(&self, subject: async_nats::Subject, payload: bytes::Bytes) {
        if self.connection.link().up {
            let sent = timeout(
                self.connection.request_timeout(),
                self.connection.client().publish(subject, payload),
            );
            // Nobody can act on a failure: the server will deliver the message again.
            drop(sent.await);
        }
    }
}

/// Why one attempt failed, and what that says about the event.
struct Failure {
    error: EventsError,
    try_again: bool,
    ambiguous: bool,
}

impl Failure {
    fn unsent(error: EventsError) -> Self {
        Self { error, try_again: false, ambiguous: false }
    }

    fn unanswered(error: EventsError) -> Self {
        Self { error, try_again: true, ambiguous: true }
    }

    /// The server said no, or nobody was there to say anything. A stream that is missing may be on its way back: after a
    /// restart, a fail-over or a deletion that a subscriber repairs.
    fn refused(error: EventsError) -> Self {
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
