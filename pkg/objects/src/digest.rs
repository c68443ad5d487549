use std::fmt;

use ring::digest::{SHA256, digest};

/// The SHA-256 of an object. It is displayed in hexadecimal.
///
/// # Examples
/// ```
/// use underpin_objects::ObjectDigest;
///
/// assert!(ObjectDigest::of("").to_string().starts_with("e3b0c442"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjectDigest([u8; 32]);

impl ObjectDigest {
    /// A digest that was computed elsewhere.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of these bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self::from_ring(digest(&SHA256, bytes.as_ref()))
    }

    pub(crate) fn from_ring(digest: ring::digest::Digest) -> Self {
        // SHA-256 always has 32 bytes.
        Self(digest.as_ref().try_into().unwrap_or_default())
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ObjectDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectDigest({self})")
    }
}
