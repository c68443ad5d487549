//! CloudEvents over NATS JetStream, or in memory, behind one set of small traits; with a consumer that recovers by itself.
//!
//! For services that publish what happened and react to what others publish: that must not lose an event when a server
//! restarts, nor stop receiving unnoticed, and whose tests should not need a server.
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
//! # The parts, in the order in which a service meets them
//!
//! * [`Event`], made by [`Event::builder`] or, with a payload type of your own ([`TypedEvent`]), by [`Event::typed`]: CloudEvents
//!   1.0, with the request id and the trace of the context that caused it.
//! * [`EventPublisher`] stores an event and says so, once for each event id, within one deadline. [`EventsError`] tells what may
//!   be tried again and after what the event may be stored all the same.
//! * [`EventSubscriber`] takes [`SubscribeOptions`] and an [`EventHandler`]. The handler answers each [`Delivery`] with an
//!   [`Outcome`]: done, again later, never. [`Subscription`] is supervised, says how it is, and drains.
//! * [`DeadLetterQueue`]: what was given up, and how to give it back to the subscription that failed.
//! * [`IdempotencyStore`] and [`IdempotentHandler`]: effects once, where there is no database to write a claim into.
//! * The backends: [`jetstream`] and [`memory`], both on by default, both held to the same `conformance` suite (feature
//!   `testing`), which is there for yours as well.
//! * The crate `underpin-outbox` writes the event in the transaction of the change, and the claim in the transaction of the
//!   effect.
//!
//! # What holds everywhere
//!
//! Delivery is at least once. Every wait has a limit, every drain says what it left, a failing event never comes again at once,
//! and trouble shows in the health of the subscription within seconds, while it goes on by itself.
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
mod pattern;
#[cfg(any(feature = "memory", feature = "jetstream"))]
mod pipeline;
mod publish;
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
pub use handler::{EventHandler, handler_fn, typed_handler};
#[cfg(feature = "jetstream")]
pub use idempotency::JetStreamIdempotencyStore;
#[cfg(feature = "memory")]
pub use idempotency::MemoryIdempotencyStore;
pub use idempotency::{Claim, ClaimToken, DEFAULT_LEASE, IdempotencyStore, IdempotentHandler};
pub use meters::describe_metrics;
pub use options::{Order, StartPosition, SubscribeOptions};
pub use pattern::TypePattern;
pub use publish::{EventPublisher, PublishReceipt};
pub use subscribe::{DrainOutcome, EventSubscriber, Lag, Subscription};

#[cfg(all(doctest, feature = "memory"))]
#[doc = include_str!("../README.md")]
struct Readme;
