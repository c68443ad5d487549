//! Confirms what handlers have done, in groups.
//!
//! A server takes the acknowledgements that arrive over one connection for one consumer in their order, and answers those
//! that ask for it. So of everything that is done by now all but the last is acknowledged plainly, the last by a request,
//! and its answer confirms them all. While it is awaited the next group gathers. Where a group is not answered, or was
//! delivered over an earlier connection or to an earlier binding of the consumer, each is confirmed by itself.

use std::pin::pin;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::in_flight::InFlight;
use super::message::JetStreamMessage;
use crate::deadline;
use crate::pipeline::InFlightPermit;

/// The largest group.
const MAX_GROUP: usize = 1024;
const ACK: Bytes = Bytes::from_static(b"+ACK");

/// A message whose handler is done, with the slot that it keeps until it is confirmed.
pub(super) struct Done {
    message: JetStreamMessage,
    slot: InFlightPermit,
}

/// Where messages go that are done. There are only as many as there are slots, so the channel needs no bound.
#[derive(Clone)]
pub(super) struct ToConfirm(UnboundedSender<Done>);

impl ToConfirm {
    pub(super) fn send(&self, mut message: JetStreamMessage, slot: InFlightPermit) {
        message.note_answered();
        message.confirming = true;
        // A subscription that is killed confirms nothing any more: the event will be delivered again.
        drop(self.0.send(Done { message, slot }));
    }
}

pub(super) fn channel() -> (ToConfirm, UnboundedReceiver<Done>) {
    let (sender, receiver) = unbounded_channel();
    (ToConfirm(sender), receiver)
}

/// Confirms until `finish`, and then what is left.
pub(super) async fn confirm(
    bus: &Inner,
    in_flight: &InFlight,
    mut done: UnboundedReceiver<Done>,
    finish: &CancellationToken,
) {
    let mut one_by_one = FuturesUnordered::new();
    let (mut group, mut closed) = (Vec::new(), false);
    loop {
        tokio::select! {
            biased;
            // With plain acknowledgements nobody has anything to confirm, and the channel is closed.
            count = done.recv_many(&mut group, MAX_GROUP), if !closed => closed = count == 0,
            Some(()) = one_by_one.next() => continue,
            () = finish.cancelled(), if one_by_one.is_empty() => return,
        }
        let (epoch, binding) = (bus.connection.link().epoch, in_flight.binding());
        let current = |done: &Done| done.message.epoch == epoch && done.message.binding == binding;
        let (fresh, stale): (Vec<_>, Vec<_>) = group.drain(..).partition(current);
        one_by_one.extend(stale.into_iter().map(Done::confirm));
        let confirmed = {
            let mut asked = pin!(confirm_together(bus, &fresh));
            loop {
                tokio::select! {
                    confirmed = &mut asked => break confirmed,
                    Some(()) = one_by_one.next() => {}
                }
            }
        };
        if confirmed {
            fresh.into_iter().for_each(Done::confirmed);
        } else {
            one_by_one.extend(fresh.into_iter().map(Done::confirm));
        }
    }
}

impl Done {
    fn confirmed(mut self) {
        self.message.confirming = false;
    }

    async fn confirm(self) {
        self.message.settle_ack(self.slot).await;
    }
}

/// Whether the server has the acknowledgements of all of them, which are of one connection and one binding.
async fn confirm_together(bus: &Inner, group: &[Done]) -> bool {
    let Some((Done { message: last, .. }, others)) = group.split_last() else { return true };
    // Where that is none, each is looked at by itself.
    let Some(reply) = last.current_reply() else { return false };
    let until = deadline::after(bus.connection.request_timeout());
    let all = async {
        for Done { message, .. } in others {
            if let Some(reply) = message.current_reply() {
                bus.connection.publish(reply, None, None, ACK).await.ok()?;
            }
        }
        bus.connection.request(reply.clone(), None, ACK, until).await.ok()
    };
    tokio::select! {
        biased;
        answered = timeout_at(until, all) => matches!(answered, Ok(Some(_))),
        () = bus.connection.lost(last.epoch) => false,
        () = last.source.in_flight.rebound(last.binding) => false,
        () = last.source.in_flight.reply_changes(last.info, &reply) => false,
    }
}
