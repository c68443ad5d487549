//! Key-value and objects in JetStream, in the wire format of the NATS specifications, so that other clients read and write the same buckets.

mod api;
mod backend;
mod feed;
mod key_value;
mod objects;
mod plan;
mod publish;
mod store;
mod stored;
mod stream;
mod watch;
mod watch_health;

pub use key_value::JetStreamKeyValue;
pub use plan::{BucketChange, BucketDifference, StorePlan};
pub use store::JetStreamStore;
