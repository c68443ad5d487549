//! The schemas of durations, sizes and secrets.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use zeroize::Zeroize;

use crate::{ByteSize, Secret};

/// The formats that mark durations and sizes in a schema.
pub(crate) const DURATION: &str = "duration-with-units";
pub(crate) const BYTE_SIZE: &str = "byte-size";

/// Stands for a `Duration` in text form: `#[schemars(with = "underpin_config::schema::DurationText")]`, or
/// `Option<DurationText>`.
#[derive(Debug, Clone, Copy)]
pub enum DurationText {}

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DurationText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": DURATION, "examples": ["500ms", "5m", "1h30m"] })
    }
}

impl JsonSchema for ByteSize {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "format": BYTE_SIZE, "minimum": 0, "examples": ["64MiB", "1.5GB", 4096] })
    }
}

/// The schema of the content, marked `writeOnly`.
impl<T: Zeroize + JsonSchema> JsonSchema for Secret<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Secret_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<T>();
        schema.insert("writeOnly".to_owned(), true.into());
        schema
    }
}
