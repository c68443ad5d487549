use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

mod pointer;

/// An invalid field, parameter or header: its place and the reason.
///
/// On the wire it is `{"detail", "pointer"}` as in the example of RFC 9457 section 3, where `pointer` is a JSON pointer
/// in its fragment form (RFC 6901 section 6), or `{"detail", "parameter"}` or `{"detail", "header"}`, the names that
/// JSON:API uses.
///
/// # Examples
/// ```
/// use underpin_errors::Violation;
///
/// let violation = Violation::body("items[0].quantity", "must be at least 1");
/// let json = serde_json::to_value(&violation).unwrap();
/// assert_eq!(json, serde_json::json!({"detail": "must be at least 1", "pointer": "#/items/0/quantity"}));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub(crate) location: Location,
    pub(crate) message: Cow<'static, str>,
}

impl Violation {
    /// A field of the body: `"customer"`, `"items[0].quantity"`, or a JSON pointer that starts with `/`.
    /// The empty text means the body as a whole.
    pub fn body(field: impl AsRef<str>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { location: Location::Body(pointer::from_field(field.as_ref())), message: message.into() }
    }

    /// A parameter of the query or of the path.
    pub fn parameter(name: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { location: Location::Parameter(name.into()), message: message.into() }
    }

    /// A header.
    pub fn header(name: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { location: Location::Header(name.into()), message: message.into() }
    }

    /// The place.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The reason.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The place as `items[0].quantity`, or the name of the parameter or header.
    pub fn field(&self) -> Cow<'_, str> {
        match &self.location {
            Location::Body(pointer) => Cow::Owned(pointer::to_field(pointer)),
            Location::Parameter(name) | Location::Header(name) => Cow::Borrowed(name),
        }
    }

    /// Reads a violation from what peers send: besides our own form also `invalid-params` of RFC 7807
    /// (`name`, `reason`) and the common `field`, `message`.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        let text = |keys: &[&str]| keys.iter().find_map(|key| value.get(key)?.as_str());
        let message = text(&["detail", "message", "reason", "title"])?.to_owned();
        let location = if let Some(pointer) = text(&["pointer"]) {
            Location::Body(pointer::from_fragment(pointer))
        } else if let Some(name) = text(&["parameter"]) {
            Location::Parameter(name.to_owned())
        } else if let Some(name) = text(&["header"]) {
            Location::Header(name.to_owned())
        } else {
            Location::Body(pointer::from_field(text(&["field", "name"]).unwrap_or_default()))
        };
        Some(Self { location, message: message.into() })
    }
}

/// The place of a [`Violation`].
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A place in the body, as a JSON pointer (RFC 6901); empty for the whole body.
    Body(String),
    /// A parameter of the query or of the path.
    Parameter(String),
    /// A header.
    Header(String),
}

/// Prints `items[0].quantity: must be at least 1`.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field();
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Serialize for Violation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("detail", &self.message)?;
        match &self.location {
            Location::Body(pointer) => map.serialize_entry("pointer", &pointer::to_fragment(pointer))?,
            Location::Parameter(name) => map.serialize_entry("parameter", name)?,
            Location::Header(name) => map.serialize_entry("header", name)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Violation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(&value).ok_or_else(|| D::Error::custom("a violation needs a text member `detail`"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_violation_is_read_in_the_forms_that_peers_send() {
        let expected = Violation::body("age", "must be positive");
        for value in [
            json!({"detail": "must be positive", "pointer": "#/age"}),
            json!({"detail": "must be positive", "pointer": "/age"}),
            json!({"name": "age", "reason": "must be positive"}),
            json!({"field": "age", "message": "must be positive"}),
        ] {
            assert_eq!(Violation::from_value(&value).as_ref(), Some(&expected), "{value}");
        }
        assert_eq!(Violation::from_value(&json!({"pointer": "#/age"})), None);
        assert_eq!(Violation::from_value(&json!("age")), None);
    }

    #[test]
    fn a_violation_of_the_whole_body_prints_its_message_alone() {
        assert_eq!(Violation::body("", "must be an object").to_string(), "must be an object");
        assert_eq!(Violation::parameter("limit", "must be a number").to_string(), "limit: must be a number");
    }

    proptest! {
        #[test]
        fn a_violation_survives_the_wire(field in ".*", message in ".*", place in 0..3) {
            let violation = match place {
                0 => Violation::body(field, message),
                1 => Violation::parameter(field, message),
                _ => Violation::header(field, message),
            };
            let text = serde_json::to_string(&violation).unwrap();
            prop_assert_eq!(serde_json::from_str::<Violation>(&text).unwrap(), violation);
        }
    }
}
