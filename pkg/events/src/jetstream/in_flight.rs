use std::collections::{HashMap, hash_map};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Subject;
use bytes::Bytes;
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::api::JetStreamApi;
use super::subjects::DeliveryInfo;

/// The messages that this process holds, from their arrival to their confirmation.
///
/// While a message waits for a worker, is handled, waits in its queue for the next attempt, or is being confirmed, the server
/// receives progress acknowledgements. So it delivers the event to another process only when this one is gone or hangs.
///
/// A server that was killed forgets what it had delivered, and delivers it again; it does not answer confirmations of the
/// delivery that it forgot. So a second delivery of a held message is not dispatched: its reply subject replaces the forgotten
/// one.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<InFlightState>);

#[derive(Default)]
struct InFlightState {
    /// How often the subscription has bound itself to its consumer.
    bindings: watch::Sender<u64>,
    messages: Mutex<HashMap<u64, Entry>>,
    adopted: Notify,
}

struct Entry {
    /// The subject by which it is confirmed.
    reply: Subject,
    /// When the stream stored it: distinguishes a second delivery from another event at the same position of a stream that was
    /// created again.
    stored_at: u64,
}

/// What a delivery is.
pub(super) enum Arrival {
    /// A new message, held from now on.
    New,
    /// A second delivery of a held message, which is answered by the new reply subject from now on.
    Adopted,
}

impl InFlight {
    /// Begins another binding of the consumer.
    pub(super) fn rebind(&self) {
        self.0.bindings.send_modify(|number| *number += 1);
    }

    /// The binding of the consumer at the moment.
    pub(super) fn binding(&self) -> u64 {
        *self.0.bindings.borrow()
    }

    /// Waits until there is another binding than this one.
    pub(super) async fn rebound(&self, binding: u64) {
        // The sender is part of what is borrowed here: it cannot be gone.
        drop(self.0.bindings.subscribe().wait_for(|number| *number != binding).await);
    }

    pub(super) fn arrive(&self, info: DeliveryInfo, reply: &Subject) -> Arrival {
        let entry = Entry { reply: reply.clone(), stored_at: info.stored_at };
        let Some(before) = self.messages().insert(info.sequence, entry) else { return Arrival::New };
        self.0.adopted.notify_waiters();
        if before.stored_at == info.stored_at {
            return Arrival::Adopted;
        }
        // The event that was at this position is in no stream any more: an answer for it would be one for this event.
        Arrival::New
    }

    /// The subject by which a held message is confirmed at the moment; none when its stream is gone and another event has its
    /// position.
    pub(super) fn reply(&self, delivery: DeliveryInfo) -> Option<Subject> {
        let messages = self.messages();
        messages
            .get(&delivery.sequence)
            .filter(|entry| entry.stored_at == delivery.stored_at)
            .map(|entry| entry.reply.clone())
    }

    /// Waits until a held message is confirmed by another subject than this one, or by none.
    pub(super) async fn reply_changes(&self, delivery: DeliveryInfo, from: &Subject) {
        loop {
            let adopted = self.0.adopted.notified();
            if self.reply(delivery).is_none_or(|reply| reply != *from) {
                return;
            }
            adopted.await;
        }
    }

    /// Whether the message at this position is held.
    pub(super) fn holds(&self, sequence: u64) -> bool {
        self.messages().contains_key(&sequence)
    }

    /// How many messages are held.
    pub(super) fn count(&self) -> usize {
        self.messages().len()
    }

    /// Removes a message; returns the subject by which it is confirmed.
    pub(super) fn remove(&self, delivery: DeliveryInfo) -> Option<Subject> {
        match self.messages().entry(delivery.sequence) {
            hash_map::Entry::Occupied(entry) if entry.get().stored_at == delivery.stored_at => {
                Some(entry.remove().reply)
            }
            _ => None,
        }
    }

    /// Reports progress on everything held, three times in each `ack_wait`. Never ends.
    pub(super) async fn keep_alive(&self, api: &JetStreamApi, ack_wait: Duration) {
        let mut tick = interval(ack_wait / 3);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is immediate, and nothing is held yet.
        tick.tick().await;
        loop {
            tick.tick().await;
            let replies: Vec<Subject> = self.messages().values().map(|entry| entry.reply.clone()).collect();
            for reply in replies {
                api.tell(reply, Bytes::from_static(b"+WPI")).await;
            }
        }
    }

    fn messages(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.0.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
