//! The stream of a bucket, as the NATS key-value specification (ADR-8, ADR-48) lays it out.

use std::time::Duration;

use serde_json::{Value, json};
use underpin_config::ByteSize;
use underpin_nats::jetstream::{BucketDeclaration, nanos};

use crate::{BucketSettings, Storage};

/// What our headers take at most: the server counts them with the value.
const HEADERS: u64 = 1024;
/// How long the server remembers message ids.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Where the entries of a bucket are.
///
/// A stream may have subjects beside those of its keys, as the object store of NATS has its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketLayout {
    /// The stream.
    pub stream: String,
    /// What the subjects of the keys begin with, such as `$KV.carts.`.
    pub prefix: String,
    /// Whether each write removes the earlier ones of its key: the stream keeps more than `history` messages of a subject.
    pub rollup: bool,
}

impl BucketLayout {
    /// That of the NATS specification for key-value buckets.
    pub fn key_value(bucket: &str) -> Self {
        Self { stream: format!("KV_{bucket}"), prefix: format!("$KV.{bucket}."), rollup: false }
    }
}

/// The stream of a bucket, field by field.
pub(super) fn declared(bucket: &BucketSettings) -> BucketDeclaration {
    let BucketLayout { stream, prefix, .. } = BucketLayout::key_value(&bucket.name);
    let limit = |bytes: Option<u64>| bytes.map_or(json!(-1), Value::from);
    let window = bucket.ttl.unwrap_or(DUPLICATE_WINDOW).min(DUPLICATE_WINDOW);
    let declared = BucketDeclaration::new(&bucket.name, stream, [format!("{prefix}>")])
        .with("max_msgs_per_subject", bucket.history)
        .with("max_age", nanos(bucket.ttl.unwrap_or_default()))
        .with("max_bytes", limit(bucket.max_bytes.map(ByteSize::bytes)))
        .with("max_msg_size", limit(bucket.max_value_size.map(|size| size.bytes() + HEADERS)))
        .with("storage", if bucket.storage == Storage::Memory { "memory" } else { "file" })
        .with("num_replicas", bucket.replicas)
        .with("duplicate_window", nanos(window))
        .with("deny_delete", true);
    if !bucket.key_ttl {
        return declared;
    }
    declared.with_message_ttl("key_ttl").with("subject_delete_marker_ttl", nanos(bucket.marker_ttl))
}
