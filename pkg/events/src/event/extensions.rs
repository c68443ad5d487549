use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::attributes::{check_name, check_text};
use super::invalid_event::InvalidEventError;

/// The value of an extension attribute: the CloudEvents types that JSON can tell apart.
///
/// `Binary`, `URI`, `URI-reference` and `Timestamp` travel as text, as the JSON format prescribes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 32 bits, as the specification limits it.
    Integer(i32),
    /// Text without control characters.
    String(String),
}

impl ExtensionValue {
    /// The text, when this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Boolean(_) | Self::Integer(_) => None,
        }
    }
}

impl fmt::Display for ExtensionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::String(value) => value.fmt(f),
        }
    }
}

impl From<bool> for ExtensionValue {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i32> for ExtensionValue {
    fn from(value: i32) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for ExtensionValue {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for ExtensionValue {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

/// The extension attributes of an event, each name and value valid, in the order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(BTreeMap<String, ExtensionValue>);

impl Extensions {
    /// The value of one extension.
    pub fn get(&self, name: &str) -> Option<&ExtensionValue> {
        self.0.get(name)
    }

    /// Every extension with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ExtensionValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, name: String, value: ExtensionValue) -> Result<(), InvalidEventError> {
        check_name(&name)?;
        if let ExtensionValue::String(text) = &value {
            check_text(&name, text)?;
        }
        self.0.insert(name, value);
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}

/// A JSON value as an extension, or none for `null`, which the specification treats as absent.
pub(super) struct ExtensionMember(pub(super) Option<ExtensionValue>);

impl<'de> Deserialize<'de> for ExtensionMember {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExtensionMemberVisitor)
    }
}

struct ExtensionMemberVisitor;

impl Visitor<'_> for ExtensionMemberVisitor {
    type Value = ExtensionMember;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a boolean or an integer of 32 bits")
    }

    fn visit_unit<E: de::Error>(self) -> Result<ExtensionMember, E> {
        Ok(ExtensionMember(None))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<ExtensionMember, E> {
        Ok(ExtensionMember(Some(ExtensionValue::Boolean(value))))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<ExtensionMember, E> {
        let value = i32::try_from(value).map_err(|_| E::custom("an integer attribute exceeds 32 bits"))?;
        Ok(ExtensionMember(Some(ExtensionValue::Integer(value))))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<ExtensionMember, E> {
        let value = i32::try_from(value).map_err(|_| E::custom("an integer attribute exceeds 32 bits"))?;
        Ok(ExtensionMember(Some(ExtensionValue::Integer(value))))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<ExtensionMember, E> {
        Ok(ExtensionMember(Some(ExtensionValue::String(value.to_owned()))))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<ExtensionMember, E> {
        Ok(ExtensionMember(Some(ExtensionValue::String(value))))
    }
}
