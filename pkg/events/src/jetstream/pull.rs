//! The fetch loop of a durable consumer: one request at a time, with heartbeats, so that silence is noticed.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::health::Pulse;
use super::in_flight::{Arrival, InFlight};
use super::message::{JetStreamMessage, delivery_info};
use crate::pipeline::{Intake, Slots};
use crate::{EventsError, Order, SubscribeOptions};

/// How often the server says that a request is still open.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// After how long without a message or a heartbeat a request counts as lost.
const SILENCE: Duration = Duration::from_millis(2500);
/// How long a request stays open at the server.
const EXPIRES: Duration = Duration::from_secs(5);
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
    pub(super) bus: Arc<Inner>,
    pub(super) options: SubscribeOptions,
    pub(super) name: Arc<str>,
    pub(super) in_flight: InFlight,
    pub(super) pulse: Pulse,
    pub(super) stop: CancellationToken,
}

impl Puller {
    /// Pulls until something is wrong, or until it is told to stop.
    pub(super) async fn run(&self, intake: &Intake<JetStreamMessage>, epoch: u64) -> Ended {
        let client = self.bus.connection.client();
        let inbox = client.new_inbox();
        let mut replies =
            match self.bus.connection.call("subscribe", client.subscribe(format!("{inbox}.*"))).await {
                Ok(Ok(replies)) => replies,
                Ok(Err(error)) => return Ended::Unsent(EventsError::Unavailable(error.into())),
                Err(error) => return Ended::Unsent(error),
            };
        let ended = tokio::select! {
            ended = self.pull(&mut replies, &inbox, intake, epoch) => ended,
            () = self.stop.cancelled() => Ended::Stopped,
        };
        self.give_back(&mut replies, intake, epoch).await;
        ended
    }

    async fn pull(
        &self,
        replies: &mut Subscriber,
        inbox: &str,
        intake: &Intake<JetStreamMessage>,
        epoch: u64,
    ) -> Ended {
        let mut number: u64 = 0;
        loop {
            let mut slots = self.slots(intake).await;
            number += 1;
            let request = format!("{inbox}.{number}");
            if let Err(error) = self.ask(&request, slots.len()).await {
                return Ended::Unsent(error);
            }
            if let Err(ended) = self.receive(replies, &request, &mut slots, intake, epoch).await {
                return ended;
            }
        }
    }

    /// Takes what is still on its way for a request that was given up. Unseen, it would come back after `ack_wait` only.
    async fn give_back(&self, replies: &mut Subscriber, intake: &Intake<JetStreamMessage>, epoch: u64) {
        if !self.bus.connection.link().up || replies.unsubscribe().await.is_err() {
            return;
        }
        while let Ok(Some(message)) = timeout(LAST_REPLIES, replies.next()).await {
            if message.status.is_none_or(|status| status == StatusCode::OK) {
                self.take(message, &mut Slots::none(), intake, epoch);
            }
        }
    }

    async fn slots(&self, intake: &Intake<JetStreamMessage>) -> Slots {
        self.pulse.busy();
        let slots = intake.slots(MAX_BATCH).await;
        self.pulse.beat();
        slots
    }

    async fn ask(&self, reply: &str, batch: usize) -> Result<(), EventsError> {
        let prefix = match &self.bus.settings.domain {
            Some(domain) => format!("$JS.{domain}.API"),
            None => "$JS.API".to_owned(),
        };
        let subject = format!("{prefix}.CONSUMER.MSG.NEXT.{}.{}", self.bus.settings.stream.name, self.name);
        let (expires, heartbeat) = (EXPIRES.as_nanos(), HEARTBEAT.as_nanos());
        let body = format!(r#"{{"batch":{batch},"expires":{expires},"idle_heartbeat":{heartbeat}}}"#);
        let client = self.bus.connection.client();
        let sent = client.publish_with_reply(subject, reply.to_owned(), Bytes::from(body));
        self.bus.connection.call("pull", sent).await?.map_err(|error| EventsError::Unavailable(error.into()))
    }

    /// Takes what a request brings, until it is fulfilled, has expired, or is lost.
    async fn receive(
        &self,
        replies: &mut Subscriber,
        request: &str,
        slots: &mut Slots,
        intake: &Intake<JetStreamMessage>,
        epoch: u64,
    ) -> Result<(), Ended> {
        while slots.len() > 0 {
            let silence = Instant::now() + SILENCE;
            let message = tokio::select! {
                biased;
                message = replies.next() => message.ok_or(Ended::Disconnected)?,
                () = self.bus.connection.lost(epoch) => return Err(Ended::Disconnected),
                () = sleep_until(silence) => return Err(Ended::Silence),
            };
            self.pulse.beat();
            match message.status {
                None | Some(StatusCode::OK) => self.take(message, slots, intake, epoch),
                Some(StatusCode::IDLE_HEARTBEAT) => {}
                // Late news of an earlier request.
                Some(_) if *message.subject != *request => {}
                // Expired, or the batch is complete.
                Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => return Ok(()),
                Some(StatusCode::NO_RESPONDERS) => return Err(Ended::NoResponders),
                Some(status) => {
                    let description = message.description.unwrap_or_default();
                    return Err(Ended::Refused(format!("{status} {description}")));
                }
            }
        }
        Ok(())
    }

    fn take(&self, mut message: Message, slots: &mut Slots, intake: &Intake<JetStreamMessage>, epoch: u64) {
        // What has no such reply subject is no delivery.
        let Some(reply) = message.reply.take() else { return slots.forfeit() };
        let Some((attempt, sequence)) = delivery_info(&reply) else { return slots.forfeit() };
        let held = match self.in_flight.arrive(sequence, &reply, &message) {
            Arrival::New => true,
            Arrival::Stranger => false,
            Arrival::Adopted => return slots.forfeit(),
        };
        let message = JetStreamMessage {
            bus: Arc::clone(&self.bus),
            subscription: Arc::clone(&self.name),
            ordered: self.options.order != Order::None,
            message,
            reply,
            attempt,
            sequence,
            ack_wait: self.options.ack_wait,
            epoch,
            in_flight: self.in_flight.clone(),
            held,
        };
        intake.push(slots, message);
    }
}
