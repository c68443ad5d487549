//! What a value is to each type that asks for it.

use std::any::type_name;

use serde::de::{self, Visitor};

use super::access::{Entries, Items};
use super::de::De;
use super::error::{DecodeError, WIDE, describe};
use super::input::Input;
use super::{text, trace, variant};
use crate::secret::SECRET_NEWTYPE;
use crate::{Table, Value};

/// Placeholders do not follow a recursive type further than this.
const MAX_DEPTH: usize = 64;

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let value = match self.input {
                Input::Placeholder(placeholder) => {
                    return visitor.$visit(placeholder.pick(&[0, 1, 100], <$type>::MAX));
                }
                Input::Value(value) => value,
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
        if self.is_key {
            self.pass.note_buffered_key(*self.path);
        } else if let Some(token) = self.pass.note_buffered(*self.path, type_name::<V>()) {
            return visitor.visit_byte_buf(trace::token(token));
        }
        let value = match self.input {
            Input::Placeholder(placeholder) => return placeholder.visit_any(visitor),
            Input::Value(value) => value,
        };
        match value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => match (u64::try_from(*value), i64::try_from(*value)) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i64(value),
                _ => visitor.visit_i128(*value).map_err(|_: DecodeError| DecodeError::shape(WIDE)),
            },
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(text) | Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items::of(self, items)),
            Value::Table(table) => visitor.visit_map(Entries::new(self, table)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.input {
            Input::Placeholder(placeholder) => visitor.visit_bool(placeholder.pick(&[false, true], true)),
            Input::Value(Value::Bool(value)) => visitor.visit_bool(*value),
            Input::Value(value) => {
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

    /// A number beyond the range would become infinite.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let number = match self.input {
            Input::Value(Value::Float(value)) => Some(*value),
            Input::Value(Value::Text(text)) => text.trim().parse::<f64>().ok(),
            _ => None,
        };
        if number.is_some_and(|number| number.is_finite() && number.abs() > f64::from(f32::MAX)) {
            return Err(DecodeError::shape("must be a number of at most 32 bits"));
        }
        self.deserialize_f64(visitor)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a number written without a fraction means the nearest float"
    )]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.input {
            Input::Placeholder(placeholder) => visitor.visit_f64(placeholder.pick(&[0.0, 1.0], f64::MAX)),
            Input::Value(Value::Float(value)) => visitor.visit_f64(*value),
            Input::Value(Value::Integer(value)) => visitor.visit_f64(*value as f64),
            Input::Value(value) => {
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
        match self.input {
            Input::Placeholder(placeholder) => visitor.visit_str(placeholder.text()),
            Input::Value(Value::String(text) | Value::Text(text)) => visitor.visit_str(text),
            Input::Value(value) => Err(De::mismatch(value, "a string")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.input {
            Input::Value(Value::String(text) | Value::Text(text)) => visitor.visit_bytes(text.as_bytes()),
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_bytes(visitor)
    }

    /// Empty text is nothing: `APP_LIMIT=` unsets an optional key.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.input {
            Input::Placeholder(_) | Input::Value(Value::Null) => visitor.visit_none(),
            Input::Value(Value::Text(text)) if text.is_empty() => visitor.visit_none(),
            Input::Value(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.input {
            Input::Placeholder(_) | Input::Value(Value::Null) => visitor.visit_unit(),
            Input::Value(Value::Text(text)) if text.is_empty() => visitor.visit_unit(),
            Input::Value(value) => Err(De::mismatch(value, "unit")),
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
        match self.as_composite() {
            Input::Placeholder(_) => visitor.visit_seq(Items::of(self, &[])),
            Input::Value(Value::List(items)) => visitor.visit_seq(Items::of(self, items)),
            Input::Value(Value::Text(text)) => {
                let items = text::list(text).map_err(DecodeError::shape)?;
                visitor.visit_seq(Items::of(self, &items))
            }
            Input::Value(Value::Table(table)) => visitor.visit_seq(Items::of_table(self, table)?),
            Input::Value(value) => Err(De::mismatch(value, "a sequence")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        match self.input {
            Input::Placeholder(_) => visitor.visit_seq(Items::placeholders(self, length)),
            Input::Value(_) => self.deserialize_seq(visitor),
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
        match self.as_composite() {
            Input::Placeholder(_) => visitor.visit_map(Entries::new(self, &Table::new())),
            Input::Value(Value::Table(table)) => visitor.visit_map(Entries::new(self, table)),
            Input::Value(value @ Value::Text(text)) => match text::map(text) {
                Some(Value::Table(table)) => visitor.visit_map(Entries::new(self, &table)),
                _ => Err(De::mismatch(value, "a map")),
            },
            Input::Value(value) => Err(De::mismatch(value, "a map")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.as_composite() {
            Input::Placeholder(placeholder) => {
                if self.path.depth() > MAX_DEPTH {
                    return Err(DecodeError::shape("is nested too deeply"));
                }
                visitor.visit_map(Entries::placeholders(self, fields, placeholder))
            }
            Input::Value(Value::Table(table)) => visitor.visit_map(Entries::of_struct(self, table, fields)),
            Input::Value(value @ Value::Text(text)) => match text::json(text) {
                Some(Value::Table(table)) => visitor.visit_map(Entries::of_struct(self, &table, fields)),
                _ => Err(De::mismatch(value, "struct ")),
            },
            Input::Value(value) => Err(De::mismatch(value, "struct ")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        variant::read(self, variants, visitor)
    }

    /// A struct with a flattened part buffers its keys here.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.input {
            Input::Value(Value::Bool(_) | Value::Integer(_) | Value::Float(_)) if self.is_key => {
                self.deserialize_any(visitor)
            }
            _ if self.is_key => {
                self.pass.note_buffered_key(*self.path);
                self.deserialize_str(visitor)
            }
            _ => self.deserialize_str(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.pass.note_hidden(*self.path);
        visitor.visit_unit()
    }
}
