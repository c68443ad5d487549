//! The content of an enum variant.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};

use super::de::{De, Source};
use super::error::DecodeError;
use crate::Value;
use crate::load::path::Path;

/// A variant and its content.
pub(super) struct Variant<'a> {
    pub(super) name: &'static str,
    pub(super) content: De<'a>,
    /// Only the name was given.
    pub(super) bare: bool,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = DecodeError;
    type Variant = VariantContent<'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), DecodeError> {
        let name = seed.deserialize(IntoDeserializer::<DecodeError>::into_deserializer(self.name))?;
        Ok((name, VariantContent { name: self.name, content: self.content, bare: self.bare }))
    }
}

pub(super) struct VariantContent<'a> {
    name: &'static str,
    content: De<'a>,
    bare: bool,
}

impl VariantContent<'_> {
    /// Decodes the content one level below the name of the variant.
    fn below<T>(self, decode: impl FnOnce(De<'_>) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
        if self.bare {
            return Err(DecodeError::shape(format!("names `{}`, which needs a table of its own", self.name)));
        }
        let path = Path::Key(self.content.path, self.name);
        decode(De { path: &path, ..self.content }).map_err(|error| error.at(path, ""))
    }
}

impl<'de> VariantAccess<'de> for VariantContent<'_> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.content.source {
            Source::Value(Value::Table(table)) if table.is_empty() => Ok(()),
            Source::Value(Value::Null) | Source::Placeholder(_) => Ok(()),
            Source::Value(Value::Text(text)) if text.is_empty() => Ok(()),
            Source::Value(_) => Err(DecodeError::shape(format!("must be just `{}`", self.name))),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, DecodeError> {
        self.below(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.below(|content| Deserializer::deserialize_tuple(content, length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.below(|content| Deserializer::deserialize_struct(content, "", fields, visitor))
    }
}
