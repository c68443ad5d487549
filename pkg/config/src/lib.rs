//! Layered configuration: typed by the target, every problem reported at once, secrets never printed.
//!
//! With `default-features = false` only the leaf types remain, for crates that define settings and leave the loading to
//! the service: [`Secret`], [`ByteSize`], the [`duration`] module and [`Validate`].

mod byte_size;
pub mod duration;
mod secret;
mod validate;

pub use byte_size::{ByteSize, ParseByteSizeError};
pub use secret::{REDACTED, Secret};
pub use validate::{Checks, FailedCheck, Validate};
