//! The stream of an object bucket.

use serde_json::json;
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
    let declared = BucketDeclaration::new(name, layout.stream, subjects)
        // The chunks of an object outlive its metadata, which carries its time to live.
        .with("max_age", ttl.map_or(0, |ttl| nanos(ttl + GRACE)))
        .with("max_bytes", max_bytes.map_or(json!(-1), |bytes| json!(bytes.bytes())))
        .with("storage", if *storage == Storage::Memory { "memory" } else { "file" })
        .with("compression", if *compression { "s2" } else { "none" })
        .with("num_replicas", *replicas);
    match bucket.expires() {
        true => declared.with_message_ttl(if bucket.object_ttl { "object_ttl" } else { "ttl" }),
        false => declared,
    }
}
