//! What a record shows where a value cannot be, or must not be, written.

pub(crate) const REDACTED: &str = "[redacted]";
#[cfg(feature = "json")]
pub(crate) const DISPLAY_FAILED: &str = "[display failed]";
pub(crate) const DISPLAY_PANICKED: &str = "[display panicked]";
#[cfg(feature = "nested-values")]
pub(crate) const SERIALIZE_FAILED: &str = "[serialize failed]";
#[cfg(feature = "nested-values")]
pub(crate) const SERIALIZE_PANICKED: &str = "[serialize panicked]";
#[cfg(feature = "nested-values")]
pub(crate) const TOO_DEEP: &str = "[too deep]";
#[cfg(feature = "nested-values")]
pub(crate) const TOO_LARGE: &str = "[too large]";
