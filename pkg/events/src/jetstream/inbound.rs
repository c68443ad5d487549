use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep};
use underpin_logger::{Context, error};

use super::dead_letters::GivenUp;
use super::message::JetStreamMessage;
use super::wire;
use crate::pipeline::{InFlightPermit, Inbound};
use crate::{Event, EventsError, InvalidEventError};

/// How long a message that was never handled is kept from others. Not zero: a nak without a delay comes back at once.
const RELEASE_DELAY: Duration = Duration::from_millis(10);
/// How long an event waits that could not be dead-lettered.
const DEAD_LETTER_AGAIN: Duration = Duration::from_secs(5);

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

    async fn ack(mut self, permit: InFlightPermit) {
        let source = Arc::clone(&self.source);
        match &source.to_confirm {
            Some(to_confirm) => to_confirm.send(self, permit),
            None => {
                self.held = false;
                if let Some(reply) = self.source.in_flight.remove(self.info) {
                    self.source.backend.api.tell(reply, Bytes::from_static(b"+ACK")).await;
                }
            }
        }
    }

    async fn retry(self, after: Duration) {
        self.nak(after).await;
    }

    async fn dead_letter(mut self, reason: String, attempts: u32, permit: InFlightPermit) {
        let mut failures = 0_u32;
        loop {
            let started = Instant::now();
            let Err(failure) = self.store_dead_letter(&reason, attempts).await else {
                self.note_answered();
                return self.terminate(permit).await;
            };
            failures = failures.saturating_add(1);
            if failures.is_power_of_two() {
                let took = started.elapsed();
                error!(
                    self.source.backend.api.log,
                    &Context::background(),
                    &failure,
                    "could not dead-letter an event, which is retried",
                    subscription = &*self.source.subscription,
                    sequence = self.info.sequence,
                    failures,
                    took
                );
            }
            if !self.source.ordered {
                return self.nak(DEAD_LETTER_AGAIN).await;
            }
            // After a nak it would come back behind those that it precedes.
            let delay = self.source.backend.settings.publish.backoff.delay(failures);
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

impl JetStreamMessage {
    async fn store_dead_letter(&self, reason: &str, attempts: u32) -> Result<(), EventsError> {
        let event = GivenUp {
            subscription: &self.source.subscription,
            sequence: self.info.sequence,
            subject: &self.message.subject,
            reason,
            attempts,
            payload: self.message.payload.clone(),
        };
        self.source.backend.dead_letters.put(event, self.message.headers.as_ref()).await
    }
}
