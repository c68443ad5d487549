//! Key-value in JetStream, in the wire format of the NATS specifications, so that other clients read and write the same buckets.

mod backend;
mod failure;
mod feed;
mod key_value;
mod publish;
mod store;
mod stored;
mod stream;
mod watch;
mod watch_health;

pub use key_value::JetStreamKeyValue;
pub use store::JetStreamStore;
pub use stream::BucketLayout;
