//! The consumer of a watch: one that the server pushes from, in order, without acknowledgements.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;
use underpin_nats::async_nats::{Message, StatusCode};
use underpin_nats::jetstream::{EphemeralConsumer, MessagePosition, nanos};

use super::backend::Backend;
use super::stored;
use crate::{Entry, Operation, StoreError, Values, WatchOptions};

/// How often the server sends a heartbeat while nothing changes.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// After which silence the consumer counts as lost.
const SILENCE: Duration = Duration::from_secs(7);
/// How long the server keeps a consumer without a subscription.
const INACTIVE: Duration = Duration::from_secs(5);

/// Where a consumer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// With the last write of each key.
    State,
    /// With this sequence.
    Sequence(u64),
}

pub(super) struct Feed {
    consumer: EphemeralConsumer,
    /// The number of the last message of this consumer.
    delivered: u64,
    /// Since when nothing arrives; none after an arrival. The silence is measured from here: a reader may cancel `next` as often as it likes.
    silent: Option<Instant>,
    /// Whether everything that was there when it began has been delivered.
    pub(super) caught_up: bool,
}

/// What arrives.
pub(super) enum Arrival {
    /// A message with its sequence; without an entry when its subject is no key.
    Message(u64, Option<Entry>),
    /// The consumer has delivered everything for the moment.
    CaughtUp,
    /// Messages are missing, or none can come any more.
    Lost(&'static str),
}

impl Feed {
    pub(super) async fn open(
        backend: &Backend,
        options: &WatchOptions,
        from: From,
    ) -> Result<Self, StoreError> {
        let mut filters: Vec<String> =
            options.patterns.iter().map(|pattern| format!("{}{pattern}", backend.layout.prefix)).collect();
        if filters.is_empty() {
            filters.push(format!("{}>", backend.layout.prefix));
        }
        let config = |inbox: &str| {
            let mut config = json!({
                "deliver_subject": inbox,
                "max_deliver": 1,
                "flow_control": true,
                "idle_heartbeat": nanos(HEARTBEAT),
                "inactive_threshold": nanos(INACTIVE),
                "headers_only": options.values == Values::Exclude,
            });
            let mut set = |field: &str, value: Value| {
                drop(config.as_object_mut().map(|config| config.insert(field.to_owned(), value)));
            };
            match from {
                From::State => set("deliver_policy", json!("last_per_subject")),
                From::Sequence(sequence) => {
                    set("deliver_policy", json!("by_start_sequence"));
                    set("opt_start_seq", json!(sequence.max(1)));
                }
            }
            match filters.as_slice() {
                [one] => set("filter_subject", json!(one)),
                many => set("filter_subjects", json!(many)),
            }
            config
        };
        let consumer = EphemeralConsumer::create(&backend.api, &backend.layout.stream, config).await;
        let consumer =
            consumer.map_err(|error| StoreError::jetstream("watch", &backend.bucket.name, error))?;
        let caught_up = consumer.pending() == 0;
        Ok(Self { consumer, delivered: 0, silent: None, caught_up })
    }

    /// The name of the consumer on the server.
    pub(super) fn name(&self) -> &str {
        self.consumer.name()
    }

    /// Waits for the next arrival.
    ///
    /// Cancel safe, but for an answer to flow control, which the server asks for again.
    pub(super) async fn next(&mut self, backend: &Backend) -> Arrival {
        loop {
            let message = match self.consumer.ready() {
                Some(message) => message,
                None => {
                    let until = *self.silent.get_or_insert_with(Instant::now) + SILENCE;
                    match self.consumer.next(until).await {
                        Ok(Some(message)) => message,
                        Ok(None) => return Arrival::Lost("the server is silent"),
                        Err(_) => return Arrival::Lost("the connection was lost"),
                    }
                }
            };
            self.silent = None;
            let arrival = match message.status {
                None => self.message(message, &backend.layout.prefix),
                Some(StatusCode::IDLE_HEARTBEAT) => {
                    let answer = flow_control(&message);
                    let arrival = if answer.is_none() { self.heartbeat(&message) } else { None };
                    if let Some(subject) = answer {
                        let connection = backend.api.connection();
                        drop(connection.publish(subject.into(), None, None, Bytes::new()).await);
                    }
                    arrival
                }
                Some(_) => None,
            };
            if let Some(arrival) = arrival {
                return arrival;
            }
        }
    }

    fn message(&mut self, message: Message, prefix: &str) -> Option<Arrival> {
        let Some(position) = message.reply.as_deref().and_then(MessagePosition::parse) else {
            // Not of a consumer: published to the inbox by another client.
            return None;
        };
        if position.delivered != self.delivered + 1 {
            return Some(Arrival::Lost("messages were dropped"));
        }
        self.delivered = position.delivered;
        self.caught_up |= position.pending == 0;
        let operation = message.headers.as_ref().map_or(Operation::Put, stored::operation_in);
        let entry = stored::key_of(prefix, &message.subject)
            .map(|key| stored::entry(key, message.payload, position.sequence, position.stored, operation));
        Some(Arrival::Message(position.sequence, entry))
    }

    /// The server sends a heartbeat when it has nothing to deliver.
    fn heartbeat(&mut self, message: &Message) -> Option<Arrival> {
        let last = message.headers.as_ref()?.get("Nats-Last-Consumer")?.as_str().parse::<u64>().ok()?;
        if last != self.delivered {
            return Some(Arrival::Lost("messages were dropped"));
        }
        self.caught_up = true;
        Some(Arrival::CaughtUp)
    }
}

/// Where the server waits for a sign that the client has read so far.
fn flow_control(message: &Message) -> Option<String> {
    let stalled = || Some(message.headers.as_ref()?.get("Nats-Consumer-Stalled")?.as_str().to_owned());
    message.reply.as_ref().map(ToString::to_string).or_else(stalled)
}
