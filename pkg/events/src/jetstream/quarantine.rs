//! Messages that the client cannot read.
//!
//! A malformed header block makes the client drop its connection or end its task before any code of this crate sees the message,
//! at every delivery. After a connection was lost with unconfirmed deliveries, the messages between the consumer's acknowledgement
//! floor and its last delivery are read over the JSON API, which does not parse their headers. One that the client cannot read
//! becomes a dead letter with its raw bytes and is terminated at the consumer.

use std::sync::{Mutex, PoisonError};

use async_nats::jetstream::consumer::Info;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use underpin_logger::{Context, error};

use super::dead_letters::GivenUp;
use super::header_block::unreadable;
use super::meters;
use super::pull::Puller;
use super::raw_message::{RawMessage, ReadPosition, read};
use crate::{EventsError, deadline};

/// How many messages are read at once.
const CONCURRENT: usize = 64;
/// How many messages are read after one lost connection. What is left is read after the next.
const MAX_READ: u64 = 65_536;

/// The sequences that were read already, or arrived: from the first on, up to and without the second.
#[derive(Default)]
pub(super) struct Quarantine(Mutex<(u64, u64)>);

impl Quarantine {
    /// Dead-letters the messages that the client cannot read among those that are delivered and unconfirmed.
    pub(super) async fn run(&self, puller: &Puller, info: &Info) -> Result<(), EventsError> {
        let (floor, last) = (info.ack_floor.stream_sequence, info.delivered.stream_sequence);
        let (mut from, mut to) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if to > last + 1 {
            // The stream was created again.
            (from, to) = (0, 0);
        }
        // The newest first: an unreadable message ends the connection at its first delivery.
        let (new, old) = (to.max(floor + 1)..last + 1, floor + 1..from.min(last + 1));
        let cut = new.end.saturating_sub(new.start) > MAX_READ;
        let take = usize::try_from(MAX_READ).unwrap_or(usize::MAX);
        let mut candidates: Vec<u64> = new.rev().chain(old.rev()).take(take).collect();
        if let Some(lowest) = candidates.last().copied() {
            from = if cut || from == to { lowest } else { from.min(lowest) };
        }
        candidates.sort_unstable();
        let stream_name = &puller.source.backend.settings.stream.name;
        let held = |sequence: &u64| puller.source.in_flight.holds(*sequence);
        let reads = candidates
            .into_iter()
            .filter(|sequence| !held(sequence))
            .map(|sequence| read(&puller.source.backend.api, stream_name, ReadPosition::At(sequence)));
        let mut reads = stream::iter(reads).buffered(CONCURRENT);
        while let Some(message) = reads.next().await {
            let Some(message) = message? else { continue };
            if let Some(why) = unreadable(&message) {
                give_up(puller, &message, why).await?;
            }
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (from, last + 1);
        Ok(())
    }
}

async fn give_up(puller: &Puller, message: &RawMessage, why: &'static str) -> Result<(), EventsError> {
    let backend = &puller.source.backend;
    let subscription = &*puller.source.subscription;
    if !backend.settings.stream.selects(&puller.options, &message.subject) {
        return Ok(());
    }
    let sequence = message.sequence;
    let reason = format!("unreadable: {why}");
    let event = GivenUp {
        subscription,
        sequence,
        subject: &message.subject,
        reason: &reason,
        attempts: 1,
        payload: message.payload.clone(),
    };
    backend.dead_letters.put_raw(event, &message.headers).await?;
    // The server knows an acknowledgement by the stream's sequence; the other numbers are those of a first delivery.
    let stream = &backend.settings.stream.name;
    let reply = format!("$JS.ACK.{stream}.{subscription}.1.{sequence}.1.0.0");
    let until = deadline::after(backend.api.connection.request_timeout());
    backend.api.connection.request(reply.into(), None, Bytes::from_static(b"+TERM"), until).await?;
    puller.liveness.quarantined(sequence);
    meters::quarantined(subscription);
    let failure = std::io::Error::other(why);
    error!(
        backend.api.log,
        &Context::background(),
        &failure,
        "a message that the NATS client cannot read became a dead letter",
        subscription,
        sequence
    );
    Ok(())
}
