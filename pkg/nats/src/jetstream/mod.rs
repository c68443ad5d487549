//! The JSON API of JetStream, for crates that keep their data in streams: calls, stored messages, and streams as they are declared.
//!
//! It writes and reads messages itself, so that a stored message with a malformed header does not end the client's task.

mod api;
mod buckets;
mod consumer;
mod declaration;
mod error;
mod message;
mod plan;
mod stream;

pub use api::{JetStreamApi, parse};
pub use buckets::Buckets;
pub use consumer::EphemeralConsumer;
pub use declaration::BucketDeclaration;
pub use error::{ApiError, BucketsError, JetStreamError};
pub use message::{MessagePosition, StoredMessage, time_of};
pub use plan::{BucketChange, BucketDifference, BucketPlan};
pub use stream::{StreamInfo, StreamState, nanos};
