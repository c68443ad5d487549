//! The stream of a bucket, as the NATS key-value specification (ADR-8, ADR-48) lays it out.

use std::time::Duration;

use serde_json::{Map, Value, json};
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
    let limit = |bytes: Option<u64>| bytes.map_or(json!(-1), |bytes| json!(bytes));
    let window = bucket.ttl.unwrap_or(DUPLICATE_WINDOW).min(DUPLICATE_WINDOW);
    let mut config: Map<String, Value> = Map::new();
    let mut set = |field: &str, value: Value| drop(config.insert(field.to_owned(), value));
    set("name", json!(stream));
    set("subjects", json!([format!("{prefix}>")]));
    set("max_msgs_per_subject", json!(bucket.history));
    set("max_age", json!(nanos(bucket.ttl.unwrap_or_default())));
    set("max_bytes", limit(bucket.max_bytes.map(ByteSize::bytes)));
    set("max_msg_size", limit(bucket.max_value_size.map(|size| size.bytes() + HEADERS)));
    set("max_msgs", json!(-1));
    set("max_consumers", json!(-1));
    set("retention", json!("limits"));
    set("discard", json!("new"));
    set("storage", json!(if bucket.storage == Storage::Memory { "memory" } else { "file" }));
    set("num_replicas", json!(bucket.replicas));
    set("duplicate_window", json!(nanos(window)));
    set("allow_rollup_hdrs", json!(true));
    set("deny_delete", json!(true));
    set("allow_direct", json!(true));
    if bucket.key_ttl {
        set("allow_msg_ttl", json!(true));
        set("subject_delete_marker_ttl", json!(nanos(bucket.marker_ttl)));
    }
    BucketDeclaration { bucket: bucket.name.clone(), stream, config }
}
