//! The stream of a bucket, as the NATS key-value specification (ADR-8, ADR-48) lays it out.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use underpin_config::ByteSize;

use super::plan::BucketDifference;
use crate::{BucketSettings, Storage};

/// What our headers take at most: the server counts them with the value.
const HEADERS: u64 = 1024;
/// How long the server remembers message ids.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

pub(super) fn name(bucket: &str) -> String {
    format!("KV_{bucket}")
}

/// What the subjects of a bucket begin with.
pub(super) fn prefix(bucket: &str) -> String {
    format!("$KV.{bucket}.")
}

/// The configuration of the stream, field by field. What is not in it belongs to the operator.
pub(super) fn declared(bucket: &BucketSettings) -> Map<String, Value> {
    let limit = |bytes: Option<u64>| bytes.map_or(json!(-1), |bytes| json!(bytes));
    let window = bucket.ttl.unwrap_or(DUPLICATE_WINDOW).min(DUPLICATE_WINDOW);
    let mut config = Map::new();
    let mut set = |field: &str, value: Value| drop(config.insert(field.to_owned(), value));
    set("name", json!(name(&bucket.name)));
    set("subjects", json!([format!("{}>", prefix(&bucket.name))]));
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
    config
}

/// What differs in what was declared.
pub(super) fn differences(
    declared: &Map<String, Value>,
    found: &Map<String, Value>,
) -> Vec<BucketDifference> {
    let differs = |(field, value): (&String, &Value)| {
        let found = found.get(field).cloned().unwrap_or_else(|| absent(value));
        (*value != found).then(|| BucketDifference {
            field: field.clone(),
            declared: value.to_string(),
            found: found.to_string(),
        })
    };
    declared.iter().filter_map(differs).collect()
}

/// What the server means by leaving a field out.
fn absent(declared: &Value) -> Value {
    match declared {
        Value::Bool(_) => json!(false),
        Value::Number(_) => json!(0),
        _ => Value::Null,
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What `STREAM.INFO` answers.
#[derive(Deserialize)]
pub(super) struct StreamInfo {
    pub(super) config: Map<String, Value>,
    pub(super) created: String,
    pub(super) state: StreamState,
    /// The server's clock.
    ts: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct StreamState {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) last_seq: u64,
}

impl StreamInfo {
    /// The time of the answer, by the server's clock.
    pub(super) fn now(&self) -> SystemTime {
        self.ts.as_deref().map_or_else(SystemTime::now, super::stored::time_of)
    }

    pub(super) fn number(&self, field: &str) -> u64 {
        self.config.get(field).and_then(Value::as_u64).unwrap_or(0)
    }

    pub(super) fn duration(&self, field: &str) -> Option<Duration> {
        Some(Duration::from_nanos(self.number(field))).filter(|duration| !duration.is_zero())
    }

    pub(super) fn flag(&self, field: &str) -> bool {
        self.config.get(field).and_then(Value::as_bool).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_declared_is_compared() {
        let bucket = BucketSettings::new("carts");
        let declared = declared(&bucket);
        let mut found = declared.clone();
        found.insert("description".to_owned(), json!("made by somebody else"));
        // The server leaves out what is zero.
        found.remove("max_age");
        assert!(differences(&declared, &found).is_empty());
        found.insert("max_msgs_per_subject".to_owned(), json!(5));
        let differences = differences(&declared, &found);
        assert_eq!(differences.len(), 1);
        assert_eq!((differences[0].declared.as_str(), differences[0].found.as_str()), ("1", "5"));
    }
}
