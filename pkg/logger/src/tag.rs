use crate::{Key, ToValue, Value};

/// One key and its value. Keys are `snake_case` constants; data goes into values.
#[derive(Debug, Clone, Copy)]
pub struct Tag<'a> {
    key: &'static str,
    #[cfg_attr(not(feature = "json"), allow(dead_code, reason = "read by the encoder"))]
    rendered: Option<&'static Key>,
    value: Value<'a>,
}

impl<'a> Tag<'a> {
    /// A tag of any value that [`ToValue`] knows.
    ///
    /// # Examples
    ///
    /// ```
    /// let tag = underpin_logger::Tag::new("attempt", &3);
    /// assert_eq!((tag.key(), tag.value().to_string().as_str()), ("attempt", "3"));
    /// ```
    pub fn new<T: ToValue + ?Sized>(key: &'static str, value: &'a T) -> Self {
        Self::of(key, value.to_value())
    }

    /// A tag of a value made by hand, such as [`Value::Display`] or [`Value::Secret`].
    pub const fn of(key: &'static str, value: Value<'a>) -> Self {
        Self { key, rendered: None, value }
    }

    /// For the macros: a tag whose key is rendered at compile time.
    #[doc(hidden)]
    pub const fn rendered(key: &'static str, rendered: &'static Key, value: Value<'a>) -> Self {
        Self { key, rendered: Some(rendered), value }
    }

    #[cfg(feature = "json")]
    pub(crate) const fn name(&self) -> FieldKey<'static> {
        FieldKey { text: self.key, rendered: self.rendered }
    }

    /// The key.
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// The value.
    pub const fn value(&self) -> Value<'a> {
        self.value
    }
}

/// A key as the encoder takes it.
#[cfg(feature = "json")]
#[derive(Clone, Copy)]
pub(crate) struct FieldKey<'a> {
    pub(crate) text: &'a str,
    pub(crate) rendered: Option<&'static Key>,
}

#[cfg(feature = "json")]
impl<'a> From<&'a str> for FieldKey<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, rendered: None }
    }
}
