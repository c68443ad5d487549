use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::Subject;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::backend::Backend;
use super::in_flight::InFlight;
use super::subjects::DeliveryInfo;
use crate::accept::Accept;
use crate::pipeline::{Control, InFlightPermit};

/// What all deliveries of a subscription share.
pub(super) struct Source {
    pub(super) backend: Arc<Backend>,
    pub(super) subscription: Arc<str>,
    /// Ordered messages are never negatively acknowledged: others would pass them.
    pub(super) ordered: bool,
    pub(super) ack_wait: Duration,
    pub(super) accept: Accept,
    pub(super) in_flight: InFlight,
    /// How many of those in flight were answered, so that the server may know of their end before we do.
    pub(super) answered: AtomicUsize,
    pub(super) control: Control,
    /// Takes handled messages; none with plain acknowledgements.
    pub(super) to_confirm: Option<ToConfirm>,
}

impl Source {
    /// How many messages are held and not answered yet.
    pub(super) fn at_work(&self) -> usize {
        // In this order: a message that is answered and removed in between does not count as one at work.
        let answered = self.answered.load(Ordering::SeqCst);
        self.in_flight.count().saturating_sub(answered)
    }
}

/// The connection and the binding of the consumer that a message was delivered over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionEpoch {
    pub(super) link: u64,
    pub(super) binding: u64,
}

/// One delivery of a JetStream consumer.
pub(super) struct JetStreamMessage {
    pub(super) source: Arc<Source>,
    pub(super) message: async_nats::Message,
    pub(super) info: DeliveryInfo,
    pub(super) epoch: ConnectionEpoch,
    /// Whether `in_flight` still holds it. A second delivery may be held there by then.
    pub(super) held: bool,
    /// Whether `answered` counts it.
    pub(super) answered: bool,
    /// Whether its confirmation is awaited.
    pub(super) confirming: bool,
}

impl JetStreamMessage {
    pub(super) fn new(
        source: Arc<Source>,
        message: async_nats::Message,
        info: DeliveryInfo,
        epoch: ConnectionEpoch,
    ) -> Self {
        Self { source, message, info, epoch, held: true, answered: false, confirming: false }
    }

    /// The subject by which it is answered at the moment; none when there is nothing to answer for any more.
    pub(super) fn current_reply(&self) -> Option<Subject> {
        self.source.in_flight.reply(self.info)
    }

    /// Counts it as answered: the server will know that it is done.
    pub(super) fn note_answered(&mut self) {
        if !std::mem::replace(&mut self.answered, true) {
            self.source.answered.fetch_add(1, Ordering::SeqCst);
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

/// A message that was handled, with the permit that it keeps until it is confirmed.
pub(super) struct Handled {
    pub(super) message: JetStreamMessage,
    pub(super) permit: InFlightPermit,
}

/// Takes the messages that were handled. There are only as many as there are permits, so the channel needs no limit.
#[derive(Clone)]
pub(super) struct ToConfirm(UnboundedSender<Handled>);

impl ToConfirm {
    pub(super) fn channel() -> (Self, UnboundedReceiver<Handled>) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), receiver)
    }

    pub(super) fn send(&self, mut message: JetStreamMessage, permit: InFlightPermit) {
        message.note_answered();
        message.confirming = true;
        // A subscription that was killed confirms nothing any more: the event will be delivered again.
        drop(self.0.send(Handled { message, permit }));
    }
}
