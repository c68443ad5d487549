use std::{error::Error, fmt, path::Path, time::Duration};

use underpin_config::Secret;
use zeroize::Zeroize;

use crate::placeholders::REDACTED;

/// The value of a [`Tag`](crate::Tag): borrowed, so that a record costs no allocation.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Nothing; `null` in JSON.
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed number.
    I64(i64),
    /// An unsigned number.
    U64(u64),
    /// A wide signed number; in JSON a number where it fits into 64 bits, else text, so that no reader rounds it.
    I128(i128),
    /// A wide unsigned number; rendered like [`Value::I128`].
    U128(u128),
    /// A floating point number; NaN and infinities, which JSON lacks, become the texts `NaN`, `inf` and `-inf`.
    F64(f64),
    /// A text.
    Str(&'a str),
    /// A span of time; in JSON a number of milliseconds with a fraction.
    Duration(Duration),
    /// A path; bytes that are not UTF-8 become U+FFFD.
    Path(&'a Path),
    /// An error; in JSON the array of its chain, each cause once.
    Error(&'a (dyn Error + 'static)),
    /// Whatever a `Display` writes, as text.
    Display(&'a dyn fmt::Display),
    /// Whatever a `Debug` writes, as text.
    Debug(&'a dyn fmt::Debug),
    /// A secret, of which only its presence is logged: `[redacted]`.
    Secret,
    /// Whatever serde can serialize; JSON in JSON, text elsewhere.
    #[cfg(feature = "nested-values")]
    Nested(crate::Nested<'a>),
}

impl Value<'_> {
    /// What stands in place of a value that must not be logged.
    pub const REDACTED: &'static str = REDACTED;
}

/// The value as a person reads it: texts bare, durations with a unit, an error as its chain.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::I64(value) => value.fmt(f),
            Self::U64(value) => value.fmt(f),
            Self::I128(value) => value.fmt(f),
            Self::U128(value) => value.fmt(f),
            Self::F64(value) => value.fmt(f),
            Self::Str(value) => f.write_str(value),
            Self::Duration(value) => fmt::Debug::fmt(value, f),
            Self::Path(value) => value.display().fmt(f),
            Self::Error(value) => underpin_errors::Report(*value).fmt(f),
            Self::Display(value) => value.fmt(f),
            Self::Debug(value) => value.fmt(f),
            Self::Secret => f.write_str(Self::REDACTED),
            #[cfg(feature = "nested-values")]
            Self::Nested(value) => value.fmt(f),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(value) => fmt::Debug::fmt(value, f),
            other => fmt::Display::fmt(other, f),
        }
    }
}

/// What the macros accept as `key = value`.
///
/// Anything else goes in with a sigil: `key = %value` uses its `Display`, `key = ?value` its `Debug`.
pub trait ToValue {
    /// The value, borrowed from `self`.
    fn to_value(&self) -> Value<'_>;
}

const _: fn(&dyn ToValue) = |_| ();

impl ToValue for Value<'_> {
    fn to_value(&self) -> Value<'_> {
        *self
    }
}

#[cfg(feature = "nested-values")]
impl ToValue for crate::Nested<'_> {
    fn to_value(&self) -> Value<'_> {
        Value::Nested(*self)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

/// Only that there is a secret is logged.
impl<T: Zeroize> ToValue for Secret<T> {
    fn to_value(&self) -> Value<'_> {
        Value::Secret
    }
}

macro_rules! to_value {
    ($($ty:ty: |$value:ident| $make:expr;)+) => {$(
        impl ToValue for $ty {
            fn to_value(&self) -> Value<'_> {
                let $value = self;
                $make
            }
        }
    )+};
}

to_value! {
    bool: |v| Value::Bool(*v);
    i8: |v| Value::I64(i64::from(*v));
    i16: |v| Value::I64(i64::from(*v));
    i32: |v| Value::I64(i64::from(*v));
    i64: |v| Value::I64(*v);
    isize: |v| Value::I64(*v as i64);
    i128: |v| Value::I128(*v);
    u8: |v| Value::U64(u64::from(*v));
    u16: |v| Value::U64(u64::from(*v));
    u32: |v| Value::U64(u64::from(*v));
    u64: |v| Value::U64(*v);
    usize: |v| Value::U64(*v as u64);
    u128: |v| Value::U128(*v);
    f32: |v| Value::F64(f64::from(*v));
    f64: |v| Value::F64(*v);
    char: |v| Value::Display(v);
    str: |v| Value::Str(v);
    String: |v| Value::Str(v);
    std::borrow::Cow<'_, str>: |v| Value::Str(v);
    std::sync::Arc<str>: |v| Value::Str(v);
    Box<str>: |v| Value::Str(v);
    Duration: |v| Value::Duration(*v);
    Path: |v| Value::Path(v);
    std::path::PathBuf: |v| Value::Path(v);
    fmt::Arguments<'_>: |v| Value::Display(v);
    std::net::IpAddr: |v| Value::Display(v);
    std::net::SocketAddr: |v| Value::Display(v);
    crate::RequestId: |v| Value::Str(v.as_str());
    crate::Level: |v| Value::Str(v.as_str());
    dyn Error + 'static: |v| Value::Error(v);
    dyn Error + Send + 'static: |v| Value::Error(v);
    dyn Error + Send + Sync + 'static: |v| Value::Error(v);
    Box<dyn Error + 'static>: |v| Value::Error(&**v);
    Box<dyn Error + Send + Sync + 'static>: |v| Value::Error(&**v);
    std::io::Error: |v| Value::Error(v);
    underpin_errors::Error: |v| Value::Error(v);
}
