use std::fmt;
use std::sync::Arc;

use crate::StoreError;

/// In base64 it is a part of a subject, and a [`Key`](underpin_store::Key).
const LONGEST: usize = 768;

/// The name of an object: 1 to 768 bytes of UTF-8 without control characters. `/` separates nothing by itself; lists take a prefix.
///
/// # Examples
/// ```
/// use underpin_objects::ObjectName;
///
/// assert!(ObjectName::new("reports/Q4 übersicht.pdf").is_ok());
/// assert!(ObjectName::new("").is_err() && ObjectName::new("a\n").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName(Arc<str>);

impl ObjectName {
    /// Takes a text as it is.
    ///
    /// # Errors
    /// [`StoreError::InvalidName`].
    pub fn new(text: impl AsRef<str>) -> Result<Self, StoreError> {
        let text = text.as_ref();
        if !(1..=LONGEST).contains(&text.len()) {
            return Err(StoreError::InvalidName { problem: "it must have 1 to 768 bytes" });
        }
        if text.chars().any(char::is_control) {
            return Err(StoreError::InvalidName { problem: "it must not have control characters" });
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ObjectName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
