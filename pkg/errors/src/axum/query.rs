//! Decodes a query string with serde, as [`Query`](super::Query) does.
//!
//! A parameter is a text. Where the target asks for a number, the text is parsed. Below `flatten` and in tagged and untagged
//! enums serde asks for any value and keeps it, and a kept text never becomes a number. So [`decode`] tries again with the
//! parameters that serde kept as numbers and booleans, and takes back those of which serde says that it expected a text.

mod decode;
mod guess;
mod pairs;

pub(super) use decode::decode;
