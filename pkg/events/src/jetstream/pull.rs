//! The fetch loop of a durable consumer: requests with heartbeats, so that silence is noticed, and never for more messages than
//! there are in-flight permits.

use std::{sync::Arc, time::Duration};

use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::in_flight::Arrival;
use super::liveness::Liveness;
use super::message::{ConnectionEpoch, JetStreamMessage, Source};
use super::open_requests::OpenRequests;
use super::subjects::DeliveryInfo;
use crate::pipeline::{Dispatcher, InFlightPermits};
use crate::{EventsError, SubscribeOptions};

/// How often the server says that a request is still open.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// After how long without a message or a heartbeat a request counts as lost.
const SILENCE: Duration = Duration::from_millis(2500);
/// How long a request stays open at the server.
pub(super) const EXPIRES: Duration = Duration::from_secs(5);
/// The largest request. Far below the client's subscription capacity of 65,536: a batch that is larger than the client's buffer
/// loses messages.
const MAX_BATCH: usize = 1024;
/// How long the last messages of a request that was given up are waited for.
const LAST_REPLIES: Duration = Duration::from_millis(250);

/// Why a fetch loop ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum PullEnd {
    #[error("stopped")]
    Stopped,
    #[error("the connection was lost")]
    Disconnected,
    #[error("no heartbeat from the server")]
    Silence,
    #[error("no consumer answers")]
    NoResponders,
    #[error("the server ended the request: {0}")]
    Refused(String),
    #[error("the request could not be sent")]
    Unsent(#[source] EventsError),
}

/// What one subscription needs to pull.
pub(super) struct Puller {
    pub(super) source: Arc<Source>,
    pub(super) options: SubscribeOptions,
    pub(super) liveness: Liveness,
    pub(super) stop: CancellationToken,
}

impl Puller {
    /// Pulls until something fails, or until it is stopped.
    pub(super) async fn run(&self, dispatcher: &Dispatcher<JetStreamMessage>, link: u64) -> PullEnd {
        self.source.in_flight.rebind();
        let epoch = ConnectionEpoch { link, binding: self.source.in_flight.binding() };
        let (inbox, mut replies) = match self.source.backend.api.connection.inbox().await {
            Ok(inbox) => inbox,
            Err(error) => return PullEnd::Unsent(error.into()),
        };
        let ended = tokio::select! {
            ended = self.pull(&mut replies, &inbox, dispatcher, epoch) => ended,
            () = self.stop.cancelled() => PullEnd::Stopped,
        };
        self.take_rest(&mut replies, dispatcher, epoch).await;
        ended
    }

    async fn pull(
        &self,
        replies: &mut Subscriber,
        inbox: &str,
        dispatcher: &Dispatcher<JetStreamMessage>,
        epoch: ConnectionEpoch,
    ) -> PullEnd {
        let (mut numbers, mut open) = (1_u64.., OpenRequests::default());
        loop {
            // The next request is sent before the last one is fulfilled, so that the server is never without one.
            let permits = match open.permits.len() {
                0 => Some(self.permits(dispatcher).await),
                left if left <= dispatcher.quarter() => dispatcher.try_acquire(MAX_BATCH),
                _ => None,
            };
            if let Some(permits) = permits {
                let reply = format!("{inbox}.{}", numbers.next().unwrap_or_default());
                if let Err(error) = self.request(&reply, permits.len()).await {
                    return PullEnd::Unsent(error);
                }
                open.add(reply, permits);
            }
            if let Err(ended) = self.receive(replies, &mut open, dispatcher, epoch).await {
                return ended;
            }
        }
    }

    /// Takes what still arrives for a request that was given up: otherwise it would be delivered again only after `ack_wait`.
    async fn take_rest(
        &self,
        replies: &mut Subscriber,
        dispatcher: &Dispatcher<JetStreamMessage>,
        epoch: ConnectionEpoch,
    ) {
        if !self.source.backend.api.connection.link().up || replies.unsubscribe().await.is_err() {
            return;
        }
        while let Ok(Some(message)) = timeout(LAST_REPLIES, replies.next()).await {
            self.take(message, &mut InFlightPermits::none(), dispatcher, epoch).await;
        }
    }

    async fn permits(&self, dispatcher: &Dispatcher<JetStreamMessage>) -> InFlightPermits {
        self.liveness.busy();
        let permits = dispatcher.acquire(MAX_BATCH).await;
        self.liveness.beat();
        permits
    }

    async fn request(&self, reply: &str, batch: usize) -> Result<(), EventsError> {
        let backend = &self.source.backend;
        let stream = &backend.settings.stream.name;
        let subject = format!("CONSUMER.MSG.NEXT.{stream}.{}", self.source.subscription);
        let (expires, heartbeat) = (EXPIRES.as_nanos(), HEARTBEAT.as_nanos());
        let body = format!(r#"{{"batch":{batch},"expires":{expires},"idle_heartbeat":{heartbeat}}}"#);
        let (subject, reply) = (backend.api.subject(&subject), reply.to_owned().into());
        Ok(backend.api.connection.publish(subject, Some(reply), None, Bytes::from(body)).await?)
    }

    async fn receive(
        &self,
        replies: &mut Subscriber,
        open: &mut OpenRequests,
        dispatcher: &Dispatcher<JetStreamMessage>,
        epoch: ConnectionEpoch,
    ) -> Result<(), PullEnd> {
        let next = match replies.next().now_or_never() {
            // No timer for what has arrived already.
            Some(next) => next,
            None => {
                let next = tokio::select! {
                    biased;
                    next = replies.next() => next,
                    () = self.source.backend.api.connection.lost(epoch.link) => return Err(PullEnd::Disconnected),
                    () = sleep(SILENCE) => return Err(PullEnd::Silence),
                };
                self.liveness.beat();
                next
            }
        };
        let message = next.ok_or(PullEnd::Disconnected)?;
        match message.status {
            // A stored message may carry a status line too, which its publisher wrote.
            _ if is_delivery(&message) => {
                self.take(message, &mut open.permits, dispatcher, epoch).await;
            }
            None | Some(StatusCode::OK) => open.permits.release_one(),
            Some(StatusCode::IDLE_HEARTBEAT) => {}
            // A late answer to a request that was fulfilled.
            Some(_) if !open.contains(&message.subject) => {}
            Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => open.expired(&message),
            Some(StatusCode::NO_RESPONDERS) => return Err(PullEnd::NoResponders),
            Some(status) => {
                let description = message.description.unwrap_or_default();
                return Err(PullEnd::Refused(format!("{status} {description}")));
            }
        }
        Ok(())
    }

    async fn take(
        &self,
        mut message: Message,
        permits: &mut InFlightPermits,
        dispatcher: &Dispatcher<JetStreamMessage>,
        epoch: ConnectionEpoch,
    ) {
        let Some(reply) = message.reply.take() else { return };
        let Some(info) = DeliveryInfo::parse(&reply) else { return };
        let backend = &self.source.backend;
        if backend.settings.stream.is_foreign_replay(&self.source.subscription, &message.subject) {
            // A consumer without filters delivers it.
            backend.api.tell(reply, Bytes::from_static(b"+ACK")).await;
            return permits.release_one();
        }
        if matches!(self.source.in_flight.arrive(info, &reply), Arrival::Adopted) {
            return permits.release_one();
        }
        let message = JetStreamMessage::new(Arc::clone(&self.source), message, info, epoch);
        dispatcher.dispatch(permits, message);
    }
}

/// Whether a message is a delivery of the consumer: answers about the request have no reply subject.
fn is_delivery(message: &Message) -> bool {
    message.reply.as_ref().is_some_and(|reply| DeliveryInfo::parse(reply).is_some())
}
