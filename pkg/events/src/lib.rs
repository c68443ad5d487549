//! CloudEvents over NATS JetStream, or in memory, behind one set of small traits, with a supervised consumer.
//!
//! ```
//! use std::time::Duration;
//! use underpin_events::memory::MemoryBus;
//! use underpin_events::{Event, EventPublisher, EventSubscriber, Outcome, SubscribeOptions, handler_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bus = MemoryBus::new(); // or JetStream::connect(&settings, log).await?
//! let (seen, mut orders) = tokio::sync::mpsc::unbounded_channel();
//! let handler = handler_fn(move |delivery| {
//!     let _ = seen.send(delivery.event().subject().map(str::to_owned));
//!     async { Outcome::ack() }
//! });
//! let subscription = bus.subscribe(SubscribeOptions::new("projection").types(["order.>"]), handler).await?;
//! bus.publish(Event::builder("order.placed", "/orders").subject("42").build()?).await?;
//! assert_eq!(orders.recv().await.flatten().as_deref(), Some("42"));
//! let _ = subscription.drain(Duration::from_secs(5)).await;
//! # Ok(()) }
//! ```
//!
//! # From publish to acknowledgement
//!
//! 1. [`Event::builder`] or [`Event::typed`] makes an [`Event`]: CloudEvents 1.0, with the request id and the trace of the context
//!    that caused it.
//! 2. [`EventPublisher::publish`] stores it, once for each source and id, within one deadline. [`EventsError`] tells what can be
//!    retried, and after which errors the event may be stored.
//! 3. [`EventSubscriber::subscribe`] starts a supervised [`Subscription`] with [`SubscribeOptions`]. The `pipeline` module
//!    distributes its messages to workers, and its header describes that flow.
//! 4. The [`EventHandler`] answers each [`Delivery`] with an [`Outcome`]: acknowledge, retry, postpone or dead-letter.
//!    [`IdempotentHandler`] with an [`IdempotencyStore`] prevents repeated effects.
//! 5. A [`DeadLetterQueue`] keeps the events that were given up, and replays them to the subscription that failed.
//!
//! The backends are [`jetstream`] and [`memory`]. Both pass the `conformance` suite (feature `testing`), which is public for
//! other backends. The crate `underpin-outbox` writes events in the transaction of the change, and claims them in the transaction
//! of the effect.
//!
//! Delivery is at least once. Every wait is bounded, every drain reports what is left, and health shows trouble within seconds.
#![cfg_attr(
    not(all(feature = "jetstream", feature = "memory")),
    allow(rustdoc::broken_intra_doc_links, reason = "the story links to what some features leave out")
)]

#[cfg(any(feature = "flat", feature = "jetstream"))]
mod accept;
mod ack_mode;
mod backoff;
mod dead_letter;
mod deadline;
mod delivery;
mod error;
mod event;
mod handler;
mod idempotency;
mod meters;
mod options;
mod options_checks;
mod order;
mod pattern;
#[cfg(any(feature = "memory", feature = "jetstream"))]
mod pipeline;
mod publish;
mod spans;
mod start_position;
mod subscribe;

#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(feature = "jetstream")]
pub mod jetstream;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "flat")]
pub use accept::Accept;
pub use ack_mode::AckMode;
pub use backoff::Backoff;
pub use dead_letter::{DeadLetter, DeadLetterQueue};
pub use delivery::{Delivery, Outcome};
pub use error::EventsError;
pub use event::{
    BATCH_CONTENT_TYPE, BinaryMessage, Data, Event, EventBuilder, ExtensionValue, Extensions, HEADER_PREFIX,
    InvalidEventError, ORGANIZATION_ID, PARTITION_KEY, REQUEST_ID, STRUCTURED_CONTENT_TYPE, TRACE_PARENT,
    TRACE_STATE, TypedEvent, batch_from_json, batch_to_json,
};
pub use handler::{EventHandler, handler_fn, handler_fn_with, typed_handler, typed_handler_with};
#[cfg(feature = "jetstream")]
pub use idempotency::JetStreamIdempotencyStore;
#[cfg(feature = "memory")]
pub use idempotency::MemoryIdempotencyStore;
pub use idempotency::{Claim, ClaimToken, DEFAULT_LEASE, IdempotencyStore, IdempotentHandler};
pub use meters::describe_metrics;
pub use options::SubscribeOptions;
pub use order::Order;
pub use pattern::TypePattern;
pub use publish::{EventPublisher, PublishReceipt};
pub use start_position::StartPosition;
pub use subscribe::{DrainOutcome, EventSubscriber, Lag, Subscription};

#[cfg(all(doctest, feature = "memory"))]
#[doc = include_str!("../README.md")]
struct Readme;
