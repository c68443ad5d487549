//! NATS JetStream: acknowledged publishing with de-duplication, durable pull consumers that recover by themselves.
//!
//! Needs nats-server 2.10 or newer. Delivery is at least once. An acknowledged event is stored by the server; whether it is
//! on disk before the acknowledgement is the server's `sync_interval`.
//!
//! The parts: the API of the server (`api`), the streams (`topology`), publishing (`publisher`, `publish_batch`), durable consumers
//! (`consumer`), the dead-letter store (`dead_letters`), and on top of them the subscription, which pulls (`pull`), acknowledges
//! (`confirmations`, `acknowledge`) and quarantines messages that the client cannot read (`quarantine`).

mod acknowledge;
mod api;
mod backend;
mod bus;
mod confirmations;
mod consumer;
mod dead_letters;
mod encode_ahead;
mod error;
mod failure;
mod header_block;
mod header_text;
mod in_flight;
mod inbound;
mod liveness;
mod message;
mod meters;
mod open_requests;
mod pending_acks;
mod plan;
mod publish_batch;
mod publish_settings;
mod publisher;
mod pull;
mod quarantine;
mod raw_message;
mod redelivery_wait;
mod settings;
mod stream;
mod stream_settings;
mod subjects;
mod subscription;
mod supervisor;
mod topology;
mod window_permits;
mod wire;

pub use bus::JetStream;
pub use plan::{Change, Difference, Plan};
pub use publish_settings::{ContentMode, PublishSettings};
pub use settings::JetStreamSettings;
pub use stream_settings::{DeadLetterSettings, Storage, StreamSettings, TopologyMode, WhenFull};
pub use underpin_nats::{AuthSettings, TlsSettings};
