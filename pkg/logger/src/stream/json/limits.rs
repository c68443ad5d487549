//! Limits of one JSON record.

/// The default cap on a record in bytes, newline included: what Docker and containerd pass on in one piece.
pub(crate) const CAP: usize = 16 * 1024;

/// The lowest cap that is honoured.
pub(crate) const MIN_CAP: usize = 1024;

/// The most fields of a record. Duplicate keys are looked for among them.
pub(crate) const FIELDS: usize = 1024;

/// How many times its cap a line may reach before it is clipped.
pub(crate) const OVER: usize = 16;

/// The most bytes of a key.
pub(crate) const KEY: usize = 256;

/// More causes than any honest error chain has; a `source` that leads back to itself ends here.
pub(crate) const CAUSES: usize = 64;

/// How many lists, objects and wrappers may be inside of each other.
#[cfg(feature = "nested-values")]
pub(crate) const DEPTH: usize = 64;
