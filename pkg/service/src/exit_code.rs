//! The exit codes of a process. Those of a second signal are 128 and its number.

/// It did what it was asked for.
pub(crate) const SUCCESS: u8 = 0;

/// It could not.
pub(crate) const FAILURE: u8 = 1;

/// Wrong arguments or settings.
pub(crate) const MISUSE: u8 = 2;
