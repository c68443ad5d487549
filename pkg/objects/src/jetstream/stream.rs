//! The stream of an object bucket.

use serde_json::{Map, Value, json};
use underpin_config::ByteSize;
use underpin_nats::jetstream::{BucketDeclaration, nanos};
use underpin_store::BucketLayout;

use crate::bucket_settings::GRACE;
use crate::{ObjectBucketSettings, Storage};

/// Where the metadata is.
pub(super) fn metadata(bucket: &str) -> BucketLayout {
    BucketLayout { stream: format!("OBJ_{bucket}"), prefix: format!("$O.{bucket}.M."), rollup: true }
}

/// What the subjects of the chunks begin with.
pub(super) fn chunks(bucket: &str) -> String {
    format!("$O.{bucket}.C.")
}

/// The stream, field by field.
pub(super) fn declared(bucket: &ObjectBucketSettings) -> BucketDeclaration {
    let ObjectBucketSettings { name, ttl, max_bytes, storage, compression, replicas, .. } = bucket;
    let layout = metadata(name);
    let subjects = [format!("{}>", chunks(name)), format!("{}>", layout.prefix)];
    let mut config: Map<String, Value> = Map::new();
    let mut set = |field: &str, value: Value| drop(config.insert(field.to_owned(), value));
    set("name", json!(layout.stream));
    set("subjects", json!(subjects));
    // The chunks of an object outlive its metadata, which carries its time to live.
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
    BucketDeclaration { bucket: name.clone(), stream: layout.stream, config }
}
