//! Acknowledgements that are awaited: of one message, until the server confirms it or will deliver it again.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep_until;
use underpin_logger::{Context, warn};
use underpin_nats::NatsError;

use super::message::JetStreamMessage;
use super::meters;
use crate::pipeline::InFlightPermit;
use crate::{EventsError, deadline};

impl JetStreamMessage {
    /// Acknowledges the message and awaits the confirmation.
    pub(super) async fn acknowledge(mut self, permit: InFlightPermit) {
        self.confirm_or_report("ack", Bytes::from_static(b"+ACK"), permit).await;
        self.confirming = false;
    }

    /// Ends the message without another delivery, and awaits the confirmation.
    pub(super) async fn terminate(self, permit: InFlightPermit) {
        self.confirm_or_report("term", Bytes::from_static(b"+TERM"), permit).await;
    }

    async fn confirm_or_report(&self, operation: &'static str, answer: Bytes, permit: InFlightPermit) {
        if let Err(failure) = self.confirm(operation, answer, permit).await {
            meters::unconfirmed();
            warn!(
                self.source.backend.api.log,
                &Context::background(),
                &failure,
                "could not confirm an event, it will be delivered again",
                subscription = &*self.source.subscription,
                sequence = self.info.sequence,
                operation
            );
        }
    }

    /// Sends the answer and waits for the reply of the server, which alone is a confirmation. The server does not reply to an
    /// answer to a delivery that it does not know; then the next delivery of the event is awaited, for as long as the server takes
    /// to send one.
    async fn confirm(
        &self,
        operation: &'static str,
        answer: Bytes,
        mut permit: InFlightPermit,
    ) -> Result<(), EventsError> {
        let connection = &self.source.backend.api.connection;
        let within = connection.request_timeout();
        let give_up = deadline::after(self.source.ack_wait.max(within));
        loop {
            let link = connection.connected(give_up).await?;
            if link != self.epoch.link {
                // Delivered over an earlier connection: a reply may take long, if one comes at all.
                drop(permit.take());
            }
            let Some(reply) = self.current_reply() else { return Ok(()) };
            let until = give_up.min(deadline::after(within));
            let failure = tokio::select! {
                answered = connection.request(reply.clone(), None, answer.clone(), until) => match answered {
                    Ok(_) => return Ok(()),
                    Err(NatsError::Lost) => EventsError::Disconnected,
                    Err(NatsError::Timeout { .. }) => EventsError::Timeout { operation, within },
                    Err(error @ NatsError::Unauthorized(_)) => return Err(error.into()),
                    Err(error) => EventsError::Unavailable(error.into()),
                },
                () = self.source.in_flight.reply_changes(self.info, &reply) => continue,
            };
            // What follows may take long, and no other message should wait for it.
            drop(permit.take());
            if matches!(failure, EventsError::Disconnected) {
                continue;
            }
            tokio::select! {
                () = self.source.in_flight.reply_changes(self.info, &reply) => {}
                () = connection.lost(link) => {}
                () = sleep_until(give_up) => return Err(failure),
            }
        }
    }

    /// Asks for another delivery after a delay.
    pub(super) async fn nak(&self, after: Duration) {
        // Never without a delay: that would ignore every back-off and use up the attempts within a millisecond.
        let delay = after.max(Duration::from_millis(1)).as_nanos();
        if let Some(reply) = self.current_reply() {
            let nak = Bytes::from(format!("-NAK {{\"delay\":{delay}}}"));
            self.source.backend.api.tell(reply, nak).await;
        }
    }
}
