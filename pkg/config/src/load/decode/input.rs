//! What a deserializer reads.

use super::placeholder::Placeholder;
use crate::Value;

/// A value of the configuration, or a placeholder for a value that failed in an earlier pass.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    Value(&'a Value),
    Placeholder(Placeholder),
}
