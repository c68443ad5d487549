//! The encoder: one record becomes one complete line of strict JSON, or nothing.
//!
//! [`line`] writes the fields of a record in their order and looks for duplicate keys. [`value_writer`], [`value`] and [`chain`]
//! write one value; user code runs in a [`guard`]. Values of serde are written by [`nested`]. [`clip`] shortens a line that is
//! over the cap, and [`context_fields`] renders a context, whose later lines have it from [`kept_fields`]. All write to the [`scratch`] of their thread: a [`buf`] for bytes, with [`digits`], [`escape`] and
//! [`timestamp`] below.

mod buf;
mod chain;
mod clip;
mod context_fields;
pub(crate) mod digits;
pub(crate) mod escape;
mod guard;
mod kept_fields;
pub(crate) mod limits;
mod line;
#[cfg(feature = "nested-values")]
pub(crate) mod nested;
mod scratch;
mod timestamp;
mod value;
mod value_writer;

pub(crate) use buf::Buf;
pub(crate) use guard::guarded;
pub(crate) use kept_fields::KeptFields;
pub(crate) use line::LineEncoder;
pub(crate) use scratch::{Scratch, with_scratch};
