use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{duration, setters};

#[cfg(any(feature = "flat", feature = "jetstream"))]
use crate::accept::Accept;
use crate::order::Order;
use crate::start_position::StartPosition;
use crate::{AckMode, Backoff, EventsError, TypePattern};

/// The options of a subscription: which events it gets, in which order, and how failures are treated.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_events::{Order, SubscribeOptions};
///
/// let options = SubscribeOptions::new("projection")
///     .types(["order.placed", "order.cancelled"])
///     .order(Order::PerKey)
///     .max_attempts(3)
///     .handler_timeout(Duration::from_secs(5));
/// assert!(options.check().is_ok());
/// assert!(SubscribeOptions::new("no spaces").check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SubscribeOptions {
    /// The durable name: letters, digits, `-` and `_`, at most 64. Subscriptions of the same name share the events.
    pub name: String,
    /// Patterns of event types; see [`TypePattern`]. Empty means all.
    pub types: Vec<String>,
    /// Where a subscription begins whose name is new to the bus. A known name goes on where it was.
    pub start: StartPosition,
    /// What order is kept.
    pub order: Order,
    /// How many handlers run at once. With [`Order::PerKey`] the keys are spread over as many worker queues; with
    /// [`Order::Strict`] it is ignored.
    pub concurrency: usize,
    /// After how many failed attempts an event becomes a dead letter. With the default back-off the default of 16 takes at
    /// least two minutes, so that no event is given up while a database restarts.
    pub max_attempts: u32,
    /// The wait between attempts, unless the handler names one.
    pub backoff: Backoff,
    /// How many events may wait for their next attempt, over all processes that share the name, before no other event is
    /// delivered and the subscription is down. Waiting events do not count against `concurrency`. On JetStream this sets
    /// `max_ack_pending` of the consumer. Besides, at most 64 MiB of events, or 65,536, wait in each process: those that are
    /// postponed or whose order is kept.
    pub max_waiting: usize,
    /// How long one call of the handler may take.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub handler_timeout: Duration,
    /// How long the broker waits for an acknowledgement or progress before it redelivers. Progress of handlers that run longer
    /// is reported automatically, so that only events of a process that died or hangs are redelivered.
    ///
    /// After a process was killed, its events are redelivered once this time is over; a subscription with [`Order::PerKey`]
    /// delivers nothing until then. A shorter time makes that wait shorter: `5s` suits a service whose processes are not
    /// suspended for that long. The in-memory bus has no use for it.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub ack_wait: Duration,
    /// How acknowledgements are sent.
    pub acks: AckMode,
    /// Which forms of an event are read.
    #[cfg(feature = "flat")]
    pub accept: Accept,
}

/// How many events may be in progress over all processes that share a name, beside those that wait.
#[cfg(any(feature = "memory", feature = "jetstream"))]
const MAX_IN_PROGRESS: usize = 8192;

impl SubscribeOptions {
    /// Options of a subscription with this durable name: all types, from the oldest event, no order, 16 handlers at
    /// once, 16 attempts over two to five minutes, 30 seconds a handler, confirmed acknowledgements.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Selects event types by pattern.
    #[must_use]
    pub fn types<I: IntoIterator<Item = S>, S: Into<String>>(mut self, patterns: I) -> Self {
        self.types = patterns.into_iter().map(Into::into).collect();
        self
    }

    setters! {
        /// Sets the durable name.
        name: impl Into<String> => name.into();
        /// Sets where a new subscription begins.
        start: StartPosition => start;
        /// Sets what order is kept.
        order: Order => order;
        /// Sets how many handlers run at once, at least 1.
        concurrency: usize => concurrency;
        /// Sets after how many failed attempts an event becomes a dead letter, at least 1.
        max_attempts: u32 => max_attempts;
        /// Sets the wait between attempts.
        backoff: Backoff => backoff;
        /// Sets how many events may wait for their next attempt before no other event is delivered, from 1 to 1,000,000.
        max_waiting: usize => max_waiting;
        /// Sets how long one call of the handler may take.
        handler_timeout: Duration => handler_timeout;
        /// Sets how long the broker waits for an acknowledgement or progress before it redelivers, at least 500 ms.
        ack_wait: Duration => ack_wait;
        /// Sets how acknowledgements are sent.
        acks: AckMode => acks;
        /// Sets which forms of an event are read, for a migration from another form.
        #[cfg(feature = "flat")]
        accept: Accept => accept;
    }

    /// How many handlers can really run at once.
    #[cfg(any(feature = "memory", feature = "jetstream"))]
    pub(crate) fn workers(&self) -> usize {
        if self.order == Order::Strict { 1 } else { self.concurrency.max(1) }
    }

    /// How many events may be delivered and not acknowledged, over all processes: those that wait for their next attempt, and
    /// those in progress.
    #[cfg(any(feature = "memory", feature = "jetstream"))]
    pub(crate) fn max_unacknowledged(&self) -> usize {
        if self.order == Order::Strict { 1 } else { self.max_waiting.saturating_add(MAX_IN_PROGRESS) }
    }

    /// Which forms of an event are read.
    #[cfg(feature = "jetstream")]
    pub(crate) fn accepted(&self) -> Accept {
        #[cfg(feature = "flat")]
        return self.accept;
        #[cfg(not(feature = "flat"))]
        Accept::CloudEvents
    }

    /// The patterns, without those that another one covers.
    pub(crate) fn patterns(&self) -> Result<Vec<TypePattern>, EventsError> {
        let mut patterns: Vec<TypePattern> = Vec::new();
        for text in &self.types {
            let pattern = TypePattern::parse(text)?;
            if !patterns.iter().any(|other| other.covers(&pattern)) {
                patterns.retain(|other| !pattern.covers(other));
                patterns.push(pattern);
            }
        }
        Ok(patterns)
    }
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            types: Vec::new(),
            start: StartPosition::default(),
            order: Order::default(),
            concurrency: 16,
            max_attempts: 16,
            backoff: Backoff::default(),
            max_waiting: 100_000,
            handler_timeout: Duration::from_secs(30),
            ack_wait: Duration::from_secs(30),
            acks: AckMode::default(),
            #[cfg(feature = "flat")]
            accept: Accept::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_settings_too() {
        let options: SubscribeOptions = serde_json::from_str(
            r#"{"name":"p","order":"per_key","start":{"sequence":7},"handler_timeout":"5s","backoff":{"initial":"1s"}}"#,
        )
        .unwrap();
        assert_eq!((options.order, options.start), (Order::PerKey, StartPosition::Sequence(7)));
        assert_eq!(options.handler_timeout, Duration::from_secs(5));
        assert!(serde_json::from_str::<SubscribeOptions>(r#"{"nmae":"p"}"#).is_err());
    }
}
