//! The encoder: one record becomes one complete line of strict JSON, or nothing.

mod buf;
mod clip;
pub(crate) mod digits;
pub(crate) mod escape;
mod guard;
mod line;
mod scratch;
mod timestamp;

pub(crate) use buf::Buf;
pub(crate) use guard::guarded;
pub(crate) use line::Line;
#[cfg(feature = "nested-values")]
pub(crate) use line::nested::{Out, Stop, rendered};
pub(crate) use scratch::{Scratch, with_scratch};
pub(crate) use timestamp::Second;
