//! Whatever serde can serialize, straight into the line.
//!
//! The code that runs here is the user's, and may stop, fail or panic at any element. So each element is written as a
//! whole or taken back: [`writer`] knows the lists and objects that are open and how much room is left, [`compound`] writes
//! lists and objects, and [`serializer`] is what the user's code is handed, for a value and for each [`element`] of it.

mod compound;
mod element;
mod serializer;
mod writer;

pub(crate) use element::rendered;
pub(crate) use serializer::ValueSerializer;
pub(crate) use writer::SerializeStopped;
