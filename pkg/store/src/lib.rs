//! Key-value, locks, sessions, objects, cache and rate limits over JetStream or Redis, with an in-memory twin.

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
#[cfg(feature = "jetstream")]
mod jetstream;
mod kv;
mod memory;
mod meters;
mod random;
mod setters;

pub use error::StoreError;
#[cfg(feature = "jetstream")]
pub use jetstream::{
    BucketChange, BucketDifference, JetStreamKeyValue, JetStreamStore, StorePlan, StoreSettings,
    StoreTopology,
};
pub use kv::{
    AsKey, BucketSettings, BucketStatus, Entry, Expect, Key, KeyList, KeyPattern, KeyValue, KeyValueExt,
    Namespace, Operation, Read, Removals, Revision, Storage, StoredValue, StoredValueExt, Ttl, Values, Watch,
    WatchEvent, WatchOptions, WatchStart,
};
pub use memory::MemoryKeyValue;
pub use meters::describe_metrics;
