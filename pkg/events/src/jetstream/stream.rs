//! Streams as they are declared, and how they differ from what the server has.

use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use underpin_config::ByteSize;

use super::plan::Difference;
use super::stream_settings::{DEAD_LETTER_WINDOW, DeadLetterSettings, Storage, StreamSettings, WhenFull};

impl StreamSettings {
    pub(super) fn declared(&self) -> Config {
        Config {
            name: self.name.clone(),
            subjects: self.subjects(),
            description: Some("CloudEvents, published and read by underpin-events".to_owned()),
            storage: match self.storage {
                Storage::File => StorageType::File,
                Storage::Memory => StorageType::Memory,
            },
            num_replicas: self.replicas,
            max_age: self.max_age,
            max_bytes: limit(self.max_bytes.map(ByteSize::bytes)),
            max_messages: limit(self.max_messages),
            max_message_size: self
                .max_message_size
                .map_or(-1, |size| i32::try_from(size.bytes()).unwrap_or(i32::MAX)),
            discard: match self.when_full {
                WhenFull::Refuse => DiscardPolicy::New,
                WhenFull::DropOldest => DiscardPolicy::Old,
            },
            duplicate_window: self.duplicate_window,
            ..unlimited()
        }
    }
}

impl DeadLetterSettings {
    /// Stored like the events they came from.
    pub(super) fn declared(&self, events: &StreamSettings) -> Config {
        Config {
            name: self.stream.clone(),
            subjects: self.subjects(),
            description: Some("events that no handler of underpin-events could handle".to_owned()),
            storage: events.declared().storage,
            num_replicas: events.replicas,
            max_age: self.max_age,
            duplicate_window: DEAD_LETTER_WINDOW,
            ..unlimited()
        }
    }
}

/// What differs, field by field, in what was declared. What was not declared belongs to the operator.
pub(super) fn differences(declared: &Config, found: &Config) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |field: &str, value: String, found: String| {
        if value != found {
            let object = format!("stream {}", declared.name);
            differences.push(Difference { object, field: field.to_owned(), declared: value, found });
        }
    };
    compare("subjects", sorted(&declared.subjects), sorted(&found.subjects));
    compare("storage", format!("{:?}", declared.storage), format!("{:?}", found.storage));
    compare("replicas", declared.num_replicas.to_string(), found.num_replicas.to_string());
    compare("max_age", format!("{:?}", declared.max_age), format!("{:?}", found.max_age));
    compare("max_bytes", declared.max_bytes.to_string(), found.max_bytes.to_string());
    compare("max_messages", declared.max_messages.to_string(), found.max_messages.to_string());
    compare("max_message_size", declared.max_message_size.to_string(), found.max_message_size.to_string());
    compare("discard", format!("{:?}", declared.discard), format!("{:?}", found.discard));
    compare(
        "duplicate_window",
        format!("{:?}", declared.duplicate_window),
        format!("{:?}", found.duplicate_window),
    );
    compare("allow_direct", declared.allow_direct.to_string(), found.allow_direct.to_string());
    differences
}

/// The found configuration with everything declared put over it.
pub(super) fn merged(declared: &Config, found: Config) -> Config {
    Config {
        subjects: declared.subjects.clone(),
        storage: declared.storage,
        num_replicas: declared.num_replicas,
        max_age: declared.max_age,
        max_bytes: declared.max_bytes,
        max_messages: declared.max_messages,
        max_message_size: declared.max_message_size,
        discard: declared.discard,
        duplicate_window: declared.duplicate_window,
        allow_direct: declared.allow_direct,
        ..found
    }
}

/// The server writes "no limit" as -1, so we declare it that way.
fn unlimited() -> Config {
    Config {
        max_bytes: -1,
        max_messages: -1,
        max_message_size: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        discard: DiscardPolicy::New,
        allow_direct: true,
        num_replicas: 1,
        ..Config::default()
    }
}

fn limit(value: Option<u64>) -> i64 {
    value.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX))
}

pub(super) fn sorted(subjects: &[String]) -> String {
    let mut subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
    subjects.sort_unstable();
    subjects.join(" ")
}
