use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::Subject;
use bytes::Bytes;
use tokio::time::{MissedTickBehavior, interval};

use super::Inner;

/// The messages that this process holds, from their arrival to their end.
///
/// While a message waits for a worker, is handled, or waits in its lane for the next attempt, the server is told that work
/// is going on. So an event goes to somebody else only when this process is gone or hangs.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<Mutex<HashMap<u64, Subject>>>);

impl InFlight {
    pub(super) fn insert(&self, sequence: u64, reply: Subject) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(sequence, reply);
    }

    pub(super) fn remove(&self, sequence: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&sequence);
    }

    /// Reports progress on everything held, three times in each `ack_wait`. Never ends.
    pub(super) async fn keep_alive(&self, bus: &Inner, ack_wait: Duration) {
        let mut tick = interval(ack_wait / 3);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once, and nothing is held yet.
        tick.tick().await;
        loop {
            tick.tick().await;
            let held: Vec<Subject> =
                self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
            for reply in held {
                bus.tell(reply, Bytes::from_static(b"+WPI")).await;
            }
        }
    }
}
