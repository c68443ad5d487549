#![doc = include_str!("../README.md")]

mod ack_mode;
mod backoff;
mod dead_letter;
#[cfg(any(feature = "memory", feature = "jetstream"))]
mod deadline;
mod delivery;
mod error;
mod event;
mod handler;
mod idempotency;
mod options;
mod pattern;
#[cfg(any(feature = "memory", feature = "jetstream"))]
mod pipeline;
mod publish;
mod subscribe;

#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(feature = "outbox")]
pub mod inbox;
#[cfg(feature = "jetstream")]
pub mod jetstream;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "outbox")]
pub mod outbox;
#[cfg(feature = "testing")]
pub mod testing;

pub use ack_mode::AckMode;
pub use backoff::Backoff;
pub use dead_letter::{DeadLetter, DeadLetterQueue};
pub use delivery::{Delivery, Outcome};
pub use error::EventsError;
pub use event::{
    BATCH_CONTENT_TYPE, BinaryMessage, Data, Event, EventBuilder, ExtensionValue, Extensions, HEADER_PREFIX,
    InvalidEvent, ORGANIZATION_ID, PARTITION_KEY, REQUEST_ID, STRUCTURED_CONTENT_TYPE, TRACE_PARENT,
    TRACE_STATE, TypedEvent, batch_from_json, batch_to_json,
};
pub use handler::{EventHandler, handler_fn, typed_handler};
#[cfg(feature = "jetstream")]
pub use idempotency::JetStreamIdempotencyStore;
#[cfg(feature = "memory")]
pub use idempotency::MemoryIdempotencyStore;
pub use idempotency::{Claim, DEFAULT_LEASE, IdempotencyStore, IdempotentHandler};
pub use options::{Order, StartPosition, SubscribeOptions};
pub use pattern::TypePattern;
pub use publish::{EventPublisher, PublishReceipt};
pub use subscribe::{DrainOutcome, EventSubscriber, Lag, Subscription};
