use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until};
use underpin_logger::{Context, error, warn};
use underpin_nats::NatsError;

use super::Inner;
use super::confirmations::ToConfirm;
use super::in_flight::InFlight;
use super::subjects::DeliveryInfo;
use super::wire::{self, Outbound};
use crate::accept::Accept;
use crate::pipeline::{Control, InFlightPermit, Inbound};
use crate::{Event, EventsError, InvalidEventError, deadline};

/// How long a message that was never handled is kept from others. Not zero: a nak without a delay comes back at once.
const RELEASE_DELAY: Duration = Duration::from_millis(10);
/// How long an event waits that could not be put aside.
const PUT_ASIDE_AGAIN: Duration = Duration::from_secs(5);
/// The longest reason that a dead letter carries, in characters.
const MAX_REASON: usize = 1024;

/// What all deliveries of a subscription share.
pub(super) struct Source {
    pub(super) bus: Arc<Inner>,
    pub(super) subscription: Arc<str>,
    /// Ordered messages are never given back by a nak: others would pass them.
    pub(super) ordered: bool,
    pub(super) ack_wait: Duration,
    pub(super) accept: Accept,
    pub(super) in_flight: InFlight,
    /// How many of those in flight were answered, so that the server may know of their end before we do.
    pub(super) answered: AtomicUsize,
    pub(super) control: Control,
    /// Where messages go that are done; nowhere with plain acknowledgements.
    pub(super) to_confirm: Option<ToConfirm>,
}

impl Source {
    /// How many messages are held and not answered yet.
    pub(super) fn at_work(&self) -> usize {
        // In this order: one that is answered and let go in between is not counted as one at work.
        let answered = self.answered.load(Ordering::SeqCst);
        self.in_flight.count().saturating_sub(answered)
    }
}

/// One delivery of a JetStream consumer.
pub(super) struct JetStreamMessage {
    pub(super) source: Arc<Source>,
    pub(super) message: async_nats::Message,
    pub(super) info: DeliveryInfo,
    /// The connection it was delivered over.
    pub(super) epoch: u64,
    /// The binding of the consumer that it was delivered to.
    pub(super) binding: u64,
    /// Whether `in_flight` has not let go of it yet. A second delivery may be held there by then.
    pub(super) held: bool,
    /// Whether `answered` counts it.
    pub(super) answered: bool,
    /// Whether its confirmation is awaited.
    pub(super) confirming: bool,
}

impl JetStreamMessage {
    /// The subject by which it is answered at the moment; none when there is nothing to answer for any more.
    pub(super) fn current_reply(&self) -> Option<Subject> {
        self.source.in_flight.reply(self.info)
    }

    /// Acknowledges it and awaits the answer.
    pub(super) async fn settle_ack(mut self, slot: InFlightPermit) {
        self.settle("ack", Bytes::from_static(b"+ACK"), slot).await;
        self.confirming = false;
    }

    /// The server is going to be told that this is done.
    pub(super) fn note_answered(&mut self) {
        if !std::mem::replace(&mut self.answered, true) {
            self.source.answered.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Sends the answer and waits until the server has it: only a reply is a confirmation. The server says nothing to an
    /// answer to a delivery that it does not know of, any more or yet; then the next delivery of the event is awaited, for
    /// as long as the server would take to send one.
    async fn confirm(
        &self,
        operation: &'static str,
        answer: Bytes,
        mut slot: InFlightPermit,
    ) -> Result<(), EventsError> {
        let connection = &self.source.bus.connection;
        let within = connection.request_timeout();
        let give_up = deadline::after(self.source.ack_wait.max(within));
        loop {
            let epoch = connection.connected(give_up).await?;
            if epoch != self.epoch {
                // Delivered over an earlier connection: an answer may be long in coming, if one comes at all.
                drop(slot.take());
            }
            let Some(reply) = self.current_reply() else { return Ok(()) };
            let until = give_up.min(deadline::after(within));
            let failure = tokio::select! {
                answered = connection.request(reply.clone(), None, answer.clone(), until) => match answered {
                    Ok(_) => return Ok(()),
                    Err(NatsError::Lost) => EventsError::Disconnected,
                    Err(NatsError::Timeout { .. }) => EventsError::Timeout { operation, within },
                    Err(error) => EventsError::Unavailable(error.into()),
                },
                () = self.source.in_flight.reply_changes(self.info, &reply) => continue,
            };
            // What follows may take long, and is nothing that others should wait for.
            drop(slot.take());
            if matches!(failure, EventsError::Disconnected) {
                continue;
            }
            tokio::select! {
                () = self.source.in_flight.reply_changes(self.info, &reply) => {}
                () = connection.lost(epoch) => {}
                () = sleep_until(give_up) => return Err(failure),
            }
        }
    }

    async fn settle(&self, operation: &'static str, answer: Bytes, slot: InFlightPermit) {
        if let Err(failure) = self.confirm(operation, answer, slot).await {
            self.source.bus.unconfirmed.increment(1);
            warn!(
                self.source.bus.log,
                &Context::background(),
                &failure,
                "could not confirm an event, it will be delivered again",
                subscription = &*self.source.subscription,
                sequence = self.info.sequence,
                operation
            );
        }
    }

    async fn nak(&self, after: Duration) {
        // Never without a delay: that would ignore every back-off and burn the attempts within a millisecond.
        let delay = after.max(Duration::from_millis(1)).as_nanos();
        if let Some(reply) = self.current_reply() {
            self.source.bus.tell(reply, Bytes::from(format!("-NAK {{\"delay\":{delay}}}"))).await;
        }
    }

    /// Publishes the message as it arrived to the dead letter stream.
    async fn put_aside(&self, reason: &str, attempts: u32) -> Result<(), EventsError> {
        let letters = &self.source.bus.settings.dead_letters;
        let stream = &self.source.bus.settings.stream;
        let subject: Subject =
            letters.subject_of(&self.source.subscription, stream.type_in(&self.message.subject)).into();
        let mut own = HeaderMap::new();
        let mut add = |name: &str, value: &str| wire::insert(&mut own, name, value);
        add(
            wire::MESSAGE_ID,
            &format!("{}:{}:{}", stream.name, self.info.sequence, self.source.subscription),
        )?;
        add(header::REASON, &wire::one_line(reason, MAX_REASON))?;
        add(header::ATTEMPTS, &attempts.to_string())?;
        add(header::SEQUENCE, &self.info.sequence.to_string())?;
        let mut headers = own.clone();
        for (name, values) in self.message.headers.iter().flat_map(wire::originals) {
            values.iter().for_each(|value| headers.append(name.clone(), value.clone()));
        }
        let payload = self.message.payload.clone();
        let stored = self.source.bus.send(&Outbound { subject: subject.clone(), headers, payload }).await;
        if !matches!(stored, Err(EventsError::TooLarge { .. })) {
            return stored.map(drop);
        }
        // With the reason it is larger than the server takes: headers and payload stay in the stream of events.
        wire::insert(&mut own, header::PAYLOAD_LEFT, "in-stream")?;
        self.source.bus.send(&Outbound { subject, headers: own, payload: Bytes::new() }).await.map(drop)
    }
}

/// What a dead letter carries besides its own headers.
pub(super) mod header {
    pub(in super::super) const REASON: &str = "Underpin-Reason";
    pub(in super::super) const ATTEMPTS: &str = "Underpin-Attempts";
    pub(in super::super) const SEQUENCE: &str = "Underpin-Sequence";
    pub(in super::super) const PAYLOAD_LEFT: &str = "Underpin-Payload";
}

impl Inbound for JetStreamMessage {
    const DEAD_LETTERS_SYNCHRONOUSLY: bool = false;

    fn decode(&self) -> Result<Arc<Event>, InvalidEventError> {
        wire::decode(self.message.headers.as_ref(), &self.message.payload, self.source.accept).map(Arc::new)
    }

    fn attempt(&self) -> u32 {
        self.info.attempt
    }

    fn sequence(&self) -> u64 {
        self.info.sequence
    }

    fn size(&self) -> usize {
        self.message.length
    }

    async fn ack(mut self, slot: InFlightPermit) {
        let source = Arc::clone(&self.source);
        match &source.to_confirm {
            Some(confirmations) => confirmations.send(self, slot),
            None => {
                self.held = false;
                if let Some(reply) = self.source.in_flight.remove(self.info) {
                    self.source.bus.tell(reply, Bytes::from_static(b"+ACK")).await;
                }
            }
        }
    }

    async fn retry(self, after: Duration) {
        self.nak(after).await;
    }

    async fn dead_letter(mut self, reason: String, attempts: u32, slot: InFlightPermit) {
        let mut failures = 0_u32;
        loop {
            let started = Instant::now();
            let Err(failure) = self.put_aside(&reason, attempts).await else {
                self.note_answered();
                return self.settle("term", Bytes::from_static(b"+TERM"), slot).await;
            };
            failures = failures.saturating_add(1);
            if failures.is_power_of_two() {
                let took = started.elapsed();
                error!(
                    self.source.bus.log,
                    &Context::background(),
                    &failure,
                    "could not put an event aside, which is tried again",
                    subscription = &*self.source.subscription,
                    sequence = self.info.sequence,
                    failures,
                    took
                );
            }
            if !self.source.ordered {
                return self.nak(PUT_ASIDE_AGAIN).await;
            }
            // Given back, it would come again behind those that it precedes.
            let delay = self.source.bus.settings.publish.backoff.delay(failures);
            tokio::select! {
                () = sleep(delay) => {}
                () = self.source.control.stop.cancelled() => return,
            }
        }
    }

    async fn release(self) {
        if !self.source.ordered {
            self.nak(RELEASE_DELAY).await;
        }
    }
}

impl Drop for JetStreamMessage {
    fn drop(&mut self) {
        if self.held {
            drop(self.source.in_flight.remove(self.info));
        }
        if self.answered {
            self.source.answered.fetch_sub(1, Ordering::SeqCst);
        }
        if self.confirming {
            self.source.control.note_cancelled();
        }
    }
}
