//! A value that is used but never shown.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

/// What every secret prints instead of itself.
pub const REDACTED: &str = "[redacted]";

/// The newtype name under which a secret asks a deserializer for its content. The decoder of this crate recognises it and
/// masks the key from then on; other formats treat it as any newtype.
pub(crate) const SECRET_NEWTYPE: &str = "$underpin::Secret";

/// A value that `Debug`, `Display` and `Serialize` show as `[redacted]`, and whose memory is overwritten when it is dropped.
///
/// Only the code that opens a connection calls [`expose`](Self::expose). There is deliberately no `Deref`, no `AsRef` and no
/// `PartialEq`: each would let the content slip into a format string or a timing difference unnoticed.
///
/// Copies that were made before the value arrived here (the process environment, the text of a file, the layers of a
/// snapshot) are not overwritten: zeroizing shortens the time in which a core dump or a stale heap page shows the secret,
/// it does not promise that no copy exists.
///
/// # Examples
/// ```
/// use underpin_config::Secret;
///
/// let password = Secret::new("hunter2".to_owned());
/// assert_eq!(format!("{password:?} {password}"), "[redacted] [redacted]");
/// assert_eq!(password.expose(), "hunter2");
/// ```
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a value in.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Call it where the secret is used, and nowhere else.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize + Clone> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Zeroize + Default> Default for Secret<T> {
    fn default() -> Self {
        Self(T::default())
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T: Zeroize> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Writes `[redacted]`, never the content: a settings struct can be logged or dumped as it is.
impl<T: Zeroize> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Zeroize + Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = Secret<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Self::Value, D::Error> {
                T::deserialize(deserializer).map(Secret)
            }
        }

        #[cfg(feature = "loader")]
        crate::load::secret_begins();
        deserializer.deserialize_newtype_struct(SECRET_NEWTYPE, Visitor(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[derive(Debug, Clone, Default, Serialize)]
    struct Settings {
        user: String,
        password: Secret<String>,
    }

    #[test]
    fn debug_display_and_serialize_never_show_the_content() {
        let settings = Settings { user: "ada".into(), password: "hunter2".into() };
        let shown =
            format!("{settings:?} {settings:#?} {} {:>20}", settings.password, settings.clone().password);
        assert!(shown.contains("ada") && !shown.contains("hunter2"));
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(json, r#"{"user":"ada","password":"[redacted]"}"#);
    }

    #[test]
    fn deserializes_like_its_content() {
        let secret: Secret<String> = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(secret.expose(), "hunter2");
        let number: Secret<u64> = serde_json::from_str("42").unwrap();
        assert_eq!(*number.expose(), 42);
        let optional: Option<Secret<String>> = serde_json::from_str("null").unwrap();
        assert!(optional.is_none());
    }

    #[test]
    fn is_overwritten_when_dropped() {
        static WIPED: AtomicBool = AtomicBool::new(false);
        struct Probe;
        impl Zeroize for Probe {
            fn zeroize(&mut self) {
                WIPED.store(true, Ordering::SeqCst);
            }
        }
        drop(Secret::new(Probe));
        assert!(WIPED.load(Ordering::SeqCst));
    }
}
