use crate::{ToValue, Value};

/// One key and its value. Keys are `snake_case` constants; data goes into values.
#[derive(Debug, Clone, Copy)]
pub struct Tag<'a> {
    key: &'static str,
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
        Self { key, value: value.to_value() }
    }

    /// A tag of a value made by hand, such as [`Value::Display`] or [`Value::Secret`].
    pub const fn of(key: &'static str, value: Value<'a>) -> Self {
        Self { key, value }
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
