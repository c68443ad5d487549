//! The deserializer: a tree of values on one side, the types of the program on the other.

use std::any::type_name;

use serde::de::{self, DeserializeSeed, Visitor};

use super::access::{Entries, Items};
use super::error::{DecodeError, describe, one_of};
use super::pass::Pass;
use super::placeholder::Placeholder;
use super::text;
use super::variant::Variant;
use crate::load::key;
use crate::load::path::Path;
use crate::secret::SECRET_NEWTYPE;
use crate::{Table, Value};

/// One value on its way into a type.
#[derive(Clone, Copy)]
pub(crate) struct De<'a> {
    pub(super) pass: &'a Pass<'a>,
    pub(super) path: &'a Path<'a>,
    pub(super) source: Source<'a>,
}

/// A real value, or something that fits where a value failed before.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Value(&'a Value),
    Placeholder(Placeholder),
}

impl<'a> De<'a> {
    pub(crate) fn root(pass: &'a Pass<'a>, path: &'a Path<'a>, value: &'a Value) -> Self {
        Self { pass, path, source: pass.source_at(*path, value) }
    }

    /// Decodes a child with `seed` and makes sure that an error knows where it happened.
    pub(super) fn child<'de, S: DeserializeSeed<'de>>(
        pass: &Pass<'_>,
        path: Path<'_>,
        source: Source<'_>,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        let source = match source {
            Source::Value(value) => pass.source_at(path, value),
            placeholder @ Source::Placeholder(_) => placeholder,
        };
        seed.deserialize(De { pass, path: &path, source })
            .map_err(|error| error.at(path, type_name::<S::Value>()))
    }

    fn with(self, value: &'a Value) -> Self {
        Self { source: Source::Value(value), ..self }
    }

    fn mismatch(value: &Value, expected: &str) -> DecodeError {
        match value {
            Value::Text(_) => DecodeError::shape(format!("must be {}", describe(expected))),
            other => DecodeError::expected(&describe(expected), other.shape()),
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let value = match self.source {
                Source::Placeholder(placeholder) => {
                    return visitor.$visit(placeholder.pick(&[0, 1, 100], <$type>::MAX));
                }
                Source::Value(value) => value,
            };
            let fitting = match value {
                Value::Text(text) => text.trim().parse::<$type>().ok(),
                Value::Integer(integer) => <$type>::try_from(*integer).ok(),
                other => return Err(De::mismatch(other, stringify!($type))),
            };
            match fitting {
                Some(fitting) => visitor.$visit(fitting),
                None => Err(DecodeError::shape(format!("must be {}", describe(stringify!($type))))),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for De<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let value = match self.source {
            Source::Placeholder(placeholder) => return placeholder.visit_any(visitor),
            Source::Value(value) => value,
        };
        self.pass.note_buffered(*self.path);
        match value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => match (u64::try_from(*value), i64::try_from(*value)) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i64(value),
                _ => visitor.visit_i128(*value),
            },
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(text) | Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items::of(self, items)),
            Value::Table(table) => visitor.visit_map(Entries::new(self, table)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source {
            Source::Placeholder(placeholder) => visitor.visit_bool(placeholder.pick(&[false, true], true)),
            Source::Value(Value::Bool(value)) => visitor.visit_bool(*value),
            Source::Value(value) => {
                let parsed = match value {
                    Value::Text(text) => text::boolean(text),
                    _ => None,
                };
                parsed
                    .map_or_else(|| Err(De::mismatch(value, "a boolean")), |value| visitor.visit_bool(value))
            }
        }
    }

    integers! {
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_u128 visit_u128 u128,
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_f64(visitor)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a number written without a fraction means the nearest float"
    )]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source {
            Source::Placeholder(placeholder) => visitor.visit_f64(placeholder.pick(&[0.0, 1.0], f64::MAX)),
            Source::Value(Value::Float(value)) => visitor.visit_f64(*value),
            Source::Value(Value::Integer(value)) => visitor.visit_f64(*value as f64),
            Source::Value(value) => {
                let parsed = match value {
                    Value::Text(text) => text.trim().parse::<f64>().ok(),
                    _ => None,
                };
                parsed.map_or_else(|| Err(De::mismatch(value, "f64")), |value| visitor.visit_f64(value))
            }
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source {
            Source::Placeholder(placeholder) => visitor.visit_str(placeholder.text()),
            Source::Value(Value::String(text) | Value::Text(text)) => visitor.visit_str(text),
            Source::Value(value) => Err(De::mismatch(value, "a string")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source {
            Source::Value(Value::String(text) | Value::Text(text)) => visitor.visit_bytes(text.as_bytes()),
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_bytes(visitor)
    }

    /// Empty text is nothing: `APP_LIMIT=` unsets an optional key.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source {
            Source::Placeholder(_) | Source::Value(Value::Null) => visitor.visit_none(),
            Source::Value(Value::Text(text)) if text.is_empty() => visitor.visit_none(),
            Source::Value(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source {
            Source::Placeholder(_) | Source::Value(Value::Null) => visitor.visit_unit(),
            Source::Value(Value::Text(text)) if text.is_empty() => visitor.visit_unit(),
            Source::Value(value) => Err(De::mismatch(value, "unit")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name == SECRET_NEWTYPE {
            self.pass.note_secret(*self.path);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source {
            Source::Placeholder(_) => visitor.visit_seq(Items::of(self, &[])),
            Source::Value(Value::List(items)) => visitor.visit_seq(Items::of(self, items)),
            Source::Value(Value::Text(text)) => visitor.visit_seq(Items::of(self, &text::list(text))),
            Source::Value(Value::Table(table)) => match text::indexed(table) {
                Some(items) => visitor.visit_seq(Items::new(self, items)),
                None if table.keys().all(|key| key.parse::<usize>().is_ok()) => {
                    Err(DecodeError::shape("has a gap: the indexes of a list count from 0 without one"))
                }
                None => Err(De::mismatch(&Value::Table(Table::new()), "a sequence")),
            },
            Source::Value(value) => Err(De::mismatch(value, "a sequence")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source {
            Source::Placeholder(_) => visitor.visit_seq(Items::placeholders(self, length)),
            Source::Value(_) => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.source {
            Source::Placeholder(_) => visitor.visit_map(Entries::new(self, &Table::new())),
            Source::Value(Value::Table(table)) => visitor.visit_map(Entries::new(self, table)),
            Source::Value(value @ Value::Text(text)) => match text::map(text) {
                Some(Value::Table(table)) => visitor.visit_map(Entries::new(self, &table)),
                _ => Err(De::mismatch(value, "a map")),
            },
            Source::Value(value) => Err(De::mismatch(value, "a map")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.source {
            Source::Placeholder(placeholder) => {
                if self.path.depth() > super::MAX_DEPTH {
                    return Err(DecodeError::shape("is nested too deeply"));
                }
                visitor.visit_map(Entries::placeholders(self, fields, placeholder))
            }
            Source::Value(Value::Table(table)) => visitor.visit_map(Entries::of_struct(self, table, fields)),
            Source::Value(value @ Value::Text(text)) => match text::json(text) {
                Some(Value::Table(table)) => visitor.visit_map(Entries::of_struct(self, &table, fields)),
                _ => Err(De::mismatch(value, "struct ")),
            },
            Source::Value(value) => Err(De::mismatch(value, "struct ")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let nothing = Value::Null;
        match self.source {
            Source::Placeholder(placeholder) => match placeholder.variant(variants) {
                Some(name) => visitor.visit_enum(Variant { name, content: self, bare: false }),
                None => Err(DecodeError::shape("has no variant to choose from")),
            },
            Source::Value(Value::String(name)) => match variants.iter().find(|known| *known == name) {
                Some(name) => visitor.visit_enum(Variant { name, content: self.with(&nothing), bare: true }),
                None => Err(DecodeError::shape(one_of(variants))),
            },
            Source::Value(Value::Text(text)) => match (spelled(text.trim(), variants), text::json(text)) {
                (Some(name), _) => {
                    visitor.visit_enum(Variant { name, content: self.with(&nothing), bare: true })
                }
                (None, Some(value @ Value::Table(_))) => {
                    self.with(&value).deserialize_enum("", variants, visitor)
                }
                (None, _) => Err(DecodeError::shape(one_of(variants))),
            },
            Source::Value(Value::Table(table)) => {
                let mut entries = table.iter();
                match (entries.next(), entries.next()) {
                    (Some((name, content)), None) => {
                        let Some(name) = spelled(name, variants) else {
                            return Err(DecodeError::shape(format!("holds a key that {}", one_of(variants))));
                        };
                        visitor.visit_enum(Variant { name, content: self.with(content), bare: false })
                    }
                    _ => Err(DecodeError::shape(format!(
                        "must hold exactly one key, which {}",
                        one_of(variants)
                    ))),
                }
            }
            Source::Value(value) => Err(De::mismatch(value, "the name of a variant")),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }
}

/// The variant that a text names: exactly, or as the only one when case, `_` and `-` do not count.
pub(super) fn spelled(text: &str, variants: &'static [&'static str]) -> Option<&'static str> {
    if let Some(exact) = variants.iter().find(|known| **known == text) {
        return Some(exact);
    }
    let folded = key::folded(text);
    let mut alike = variants.iter().filter(|known| key::folded(known) == folded);
    match (alike.next(), alike.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}
