//! The fetch loop of a durable consumer: requests with heartbeats, so that silence is noticed, and never more than there are
//! slots.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::health::Pulse;
use super::in_flight::Arrival;
use super::message::{JetStreamMessage, Source};
use super::subjects::DeliveryInfo;
use crate::pipeline::{Dispatcher, InFlightPermits};
use crate::{EventsError, SubscribeOptions};

/// How often the server says that a request is still open.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// After how long without a message or a heartbeat a request counts as lost.
const SILENCE: Duration = Duration::from_millis(2500);
/// How long a request stays open at the server.
pub(super) const EXPIRES: Duration = Duration::from_secs(5);
/// The largest request. Far below the client's subscription capacity of 65,536: a batch that is larger than what the
/// client buffers loses messages.
const MAX_BATCH: usize = 1024;
/// How long the last messages of a request that was given up are waited for.
const LAST_REPLIES: Duration = Duration::from_millis(250);

/// Why a fetch loop ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
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
    pub(super) pulse: Pulse,
    pub(super) stop: CancellationToken,
}

/// The connection and the binding of the consumer that a message comes over.
#[derive(Clone, Copy)]
struct Era {
    epoch: u64,
    binding: u64,
}

/// The requests that the server may still have, and the slots for everything that they may bring. Which request a message
/// answers is not known, and a server takes turns between them.
struct Open {
    replies: VecDeque<String>,
    slots: InFlightPermits,
}

/// More requests than this are never open: each has a quarter of the window or more.
const MAX_OPEN: usize = 8;

impl Default for Open {
    fn default() -> Self {
        Self { replies: VecDeque::new(), slots: InFlightPermits::none() }
    }
}

impl Open {
    fn add(&mut self, reply: String, slots: InFlightPermits) {
        if self.slots.len() == 0 {
            self.replies.clear();
        }
        if self.replies.len() >= MAX_OPEN {
            self.replies.pop_front();
        }
        self.replies.push_back(reply);
        self.slots.merge(slots);
    }

    fn knows(&self, reply: &str) -> bool {
        self.replies.iter().any(|known| known == reply)
    }

    /// Frees the slots of what a request did not bring, which the server tells.
    fn expired(&mut self, message: &Message) {
        self.replies.retain(|known| *known != *message.subject);
        let header = message.headers.as_ref().and_then(|headers| headers.get("Nats-Pending-Messages"));
        let left = header.and_then(|value| value.as_str().parse().ok());
        self.slots.release(if self.replies.is_empty() { usize::MAX } else { left.unwrap_or(usize::MAX) });
    }
}

impl Puller {
    /// Pulls until something is wrong, or until it is told to stop.
    pub(super) async fn run(&self, dispatcher: &Dispatcher<JetStreamMessage>, epoch: u64) -> Ended {
        self.source.in_flight.rebind();
        let era = Era { epoch, binding: self.source.in_flight.binding() };
        let (inbox, mut replies) = match self.source.bus.connection.inbox().await {
            Ok(inbox) => inbox,
            Err(error) => return Ended::Unsent(error.into()),
        };
        let ended = tokio::select! {
            ended = self.pull(&mut replies, &inbox, dispatcher, era) => ended,
            () = self.stop.cancelled() => Ended::Stopped,
        };
        self.give_back(&mut replies, dispatcher, era).await;
        ended
    }

    async fn pull(
        &self,
        replies: &mut Subscriber,
        inbox: &str,
        dispatcher: &Dispatcher<JetStreamMessage>,
        era: Era,
    ) -> Ended {
        let (mut numbers, mut open) = (1_u64.., Open::default());
        loop {
            // The next request goes out before the last one is fulfilled, so that the server is never without one.
            let slots = match open.slots.len() {
                0 => Some(self.slots(dispatcher).await),
                left if left <= dispatcher.quarter() => dispatcher.try_acquire(MAX_BATCH),
                _ => None,
            };
            if let Some(slots) = slots {
                let reply = format!("{inbox}.{}", numbers.next().unwrap_or_default());
                if let Err(error) = self.ask(&reply, slots.len()).await {
                    return Ended::Unsent(error);
                }
                open.add(reply, slots);
            }
            if let Err(ended) = self.receive(replies, &mut open, dispatcher, era).await {
                return ended;
            }
        }
    }

    /// Takes what is still on its way for a request that was given up. Unseen, it would come back after `ack_wait` only.
    async fn give_back(&self, replies: &mut Subscriber, dispatcher: &Dispatcher<JetStreamMessage>, era: Era) {
        if !self.source.bus.connection.link().up || replies.unsubscribe().await.is_err() {
            return;
        }
        while let Ok(Some(message)) = timeout(LAST_REPLIES, replies.next()).await {
            if message.status.is_none_or(|status| status == StatusCode::OK) {
                self.take(message, &mut InFlightPermits::none(), dispatcher, era);
            }
        }
    }

    async fn slots(&self, dispatcher: &Dispatcher<JetStreamMessage>) -> InFlightPermits {
        self.pulse.busy();
        let slots = dispatcher.acquire(MAX_BATCH).await;
        self.pulse.beat();
        slots
    }

    async fn ask(&self, reply: &str, batch: usize) -> Result<(), EventsError> {
        let prefix = match &self.source.bus.settings.domain {
            Some(domain) => format!("$JS.{domain}.API"),
            None => "$JS.API".to_owned(),
        };
        let subject = format!(
            "{prefix}.CONSUMER.MSG.NEXT.{}.{}",
            self.source.bus.settings.stream.name, self.source.subscription
        );
        let (expires, heartbeat) = (EXPIRES.as_nanos(), HEARTBEAT.as_nanos());
        let body = format!(r#"{{"batch":{batch},"expires":{expires},"idle_heartbeat":{heartbeat}}}"#);
        let connection = &self.source.bus.connection;
        Ok(connection.publish(subject.into(), Some(reply.into()), None, Bytes::from(body)).await?)
    }

    async fn receive(
        &self,
        replies: &mut Subscriber,
        open: &mut Open,
        dispatcher: &Dispatcher<JetStreamMessage>,
        era: Era,
    ) -> Result<(), Ended> {
        let next = match replies.next().now_or_never() {
            // No timer for what is there already.
            Some(next) => next,
            None => {
                let next = tokio::select! {
                    biased;
                    next = replies.next() => next,
                    () = self.source.bus.connection.lost(era.epoch) => return Err(Ended::Disconnected),
                    () = sleep(SILENCE) => return Err(Ended::Silence),
                };
                self.pulse.beat();
                next
            }
        };
        let message = next.ok_or(Ended::Disconnected)?;
        match message.status {
            None | Some(StatusCode::OK) => self.take(message, &mut open.slots, dispatcher, era),
            Some(StatusCode::IDLE_HEARTBEAT) => {}
            // Late news of a request that was fulfilled.
            Some(_) if !open.knows(&message.subject) => {}
            Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => open.expired(&message),
            Some(StatusCode::NO_RESPONDERS) => return Err(Ended::NoResponders),
            Some(status) => {
                let description = message.description.unwrap_or_default();
                return Err(Ended::Refused(format!("{status} {description}")));
            }
        }
        Ok(())
    }

    fn take(
        &self,
        mut message: Message,
        slots: &mut InFlightPermits,
        dispatcher: &Dispatcher<JetStreamMessage>,
        era: Era,
    ) {
        // What has no such reply subject is no delivery.
        let Some(reply) = message.reply.take() else { return slots.release_one() };
        let Some(info) = DeliveryInfo::parse(&reply) else { return slots.release_one() };
        if matches!(self.source.in_flight.arrive(info, &reply), Arrival::Adopted) {
            return slots.release_one();
        }
        let message = JetStreamMessage {
            source: Arc::clone(&self.source),
            message,
            info,
            epoch: era.epoch,
            binding: era.binding,
            held: true,
            answered: false,
            confirming: false,
        };
        dispatcher.dispatch(slots, message);
    }
}
