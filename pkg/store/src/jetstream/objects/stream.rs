//! The stream of an object bucket.

use serde_json::{Map, Value, json};
use underpin_config::ByteSize;

use crate::jetstream::stream::nanos;
use crate::objects::GRACE;
use crate::{ObjectBucketSettings, Storage};

pub(in crate::jetstream) fn name(bucket: &str) -> String {
    format!("OBJ_{bucket}")
}

/// What the subjects of the metadata begin with.
pub(in crate::jetstream) fn metadata(bucket: &str) -> String {
    format!("$O.{bucket}.M.")
}

/// What the subjects of the chunks begin with.
pub(super) fn chunks(bucket: &str) -> String {
    format!("$O.{bucket}.C.")
}

/// The configuration of the stream, field by field. What is not in it belongs to the operator.
pub(in crate::jetstream) fn declared(bucket: &ObjectBucketSettings) -> Map<String, Value> {
    let ObjectBucketSettings { name: bucket_name, ttl, max_bytes, storage, compression, replicas, .. } =
        bucket;
    let subjects = [format!("{}>", chunks(bucket_name)), format!("{}>", metadata(bucket_name))];
    let mut config = Map::new();
    let mut set = |field: &str, value: Value| drop(config.insert(field.to_owned(), value));
    set("name", json!(name(bucket_name)));
    set("subjects", json!(subjects));
    // The chunks of an object outlive its metadata, which has a time to live of its own.
    set("max_age", json!(ttl.map_or(0, |ttl| nanos(ttl + GRACE))));
    set("max_bytes", max_bytes.map_or(json!(-1), |bytes: ByteSize| json!(bytes.bytes())));
    set("max_msgs", json!(-1));
    set("max_msgs_per_subject", json!(-1));
    set("max_consumers", json!(-1));
    set("retention", json!("limits"));
    set("discard", json!("new"));
    set("storage", json!(if *storage == Storage::Memory { "memory" } else { "file" }));
    set("compression", json!(if *compression { "s2" } else { "none" }));
    set("num_replicas", json!(replicas));
    set("allow_rollup_hdrs", json!(true));
    set("allow_direct", json!(true));
    if bucket.expires() {
        set("allow_msg_ttl", json!(true));
    }
    config
}
