//! The event: CloudEvents 1.0, its JSON format, its batch format and its headers.

mod attributes;
mod batch;
mod builder;
mod cloud_event;
mod data;
mod envelope;
mod extensions;
mod headers;
mod invalid_event;
mod json;
mod message_mode;
mod names;
mod text_attributes;
mod timestamp;
mod typed;

pub use batch::{BATCH_CONTENT_TYPE, batch_from_json, batch_to_json};
pub use builder::EventBuilder;
pub use cloud_event::Event;
pub use data::Data;
pub use extensions::{ExtensionValue, Extensions};
pub use headers::{BinaryMessage, HEADER_PREFIX};
pub use invalid_event::InvalidEventError;
pub use json::STRUCTURED_CONTENT_TYPE;
pub use names::{ORGANIZATION_ID, PARTITION_KEY, REQUEST_ID, TRACE_PARENT, TRACE_STATE};
pub use typed::TypedEvent;
