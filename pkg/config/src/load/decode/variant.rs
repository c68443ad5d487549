//! Enums: the name of a variant, and its content.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};

use super::de::De;
use super::error::{DecodeError, one_of};
use super::input::Input;
use super::text::{self, spelled};
use crate::Value;
use crate::load::path::KeyPath;

/// A variant and its content.
struct Variant<'a> {
    name: &'static str,
    /// The key in the tree, which may be spelled in another way than the name.
    key: &'a str,
    content: De<'a>,
    /// Only the name was given.
    bare: bool,
}

/// Reads an enum: a name, or a table with one variant.
pub(super) fn read<'de, V: Visitor<'de>>(
    de: De<'_>,
    variants: &'static [&'static str],
    visitor: V,
) -> Result<V::Value, DecodeError> {
    let nothing = Value::Null;
    let bare =
        |name| Variant { name, key: name, content: De { input: Input::Value(&nothing), ..de }, bare: true };
    match de.as_composite() {
        Input::Placeholder(placeholder) => match placeholder.variant(variants) {
            Some(name) => visitor.visit_enum(Variant { name, key: name, content: de, bare: false }),
            None => Err(DecodeError::shape("has no variant to choose from")),
        },
        Input::Value(Value::String(name)) => match variants.iter().find(|known| *known == name) {
            Some(name) => visitor.visit_enum(bare(name)),
            None => Err(DecodeError::shape(one_of(variants))),
        },
        Input::Value(Value::Text(text)) => {
            if let Some(name) = spelled(text.trim(), variants) {
                return visitor.visit_enum(bare(name));
            }
            match text::json(text) {
                Some(value @ Value::Table(_)) => {
                    read(De { input: Input::Value(&value), ..de }, variants, visitor)
                }
                _ => Err(DecodeError::shape(one_of(variants))),
            }
        }
        Input::Value(Value::Table(table)) => {
            let mut entries = table.iter();
            match (entries.next(), entries.next()) {
                (Some((key, content)), None) => {
                    let Some(name) = spelled(key, variants) else {
                        return Err(DecodeError::shape(format!("holds a key that {}", one_of(variants))));
                    };
                    let content = De { input: Input::Value(content), ..de };
                    visitor.visit_enum(Variant { name, key, content, bare: false })
                }
                _ => {
                    Err(DecodeError::shape(format!("must hold exactly one key, which {}", one_of(variants))))
                }
            }
        }
        Input::Value(value) => Err(De::mismatch(value, "the name of a variant")),
    }
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = DecodeError;
    type Variant = VariantContent<'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), DecodeError> {
        let name = seed.deserialize(IntoDeserializer::<DecodeError>::into_deserializer(self.name))?;
        let Self { name: known, key, content, bare } = self;
        Ok((name, VariantContent { name: known, key, content, bare }))
    }
}

struct VariantContent<'a> {
    name: &'static str,
    key: &'a str,
    content: De<'a>,
    bare: bool,
}

impl VariantContent<'_> {
    /// Decodes the content one level below the name of the variant.
    fn below<T>(self, decode: impl FnOnce(De<'_>) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
        if self.bare {
            return Err(DecodeError::shape(format!("names `{}`, which needs a table", self.name)));
        }
        let (pass, path) = (self.content.pass, KeyPath::Key(self.content.path, self.key));
        let mark = pass.mark();
        let input = match self.content.input {
            Input::Value(value) => pass.input_at(path, value),
            placeholder @ Input::Placeholder(_) => placeholder,
        };
        let result = decode(De { pass, path: &path, input, is_key: false });
        pass.finish(path, mark, result.is_ok());
        result.map_err(|error| error.at(path, ""))
    }
}

impl<'de> VariantAccess<'de> for VariantContent<'_> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.content.input {
            Input::Value(Value::Table(table)) if table.is_empty() => Ok(()),
            Input::Value(Value::Null) | Input::Placeholder(_) => Ok(()),
            Input::Value(Value::Text(text)) if text.is_empty() => Ok(()),
            Input::Value(_) => Err(DecodeError::shape(format!("must be just `{}`", self.name))),
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
