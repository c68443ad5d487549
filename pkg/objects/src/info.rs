use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::{ObjectDigest, ObjectName};

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its name.
    pub name: ObjectName,
    /// Its size in bytes.
    pub size: u64,
    /// Which of the objects that had this name one after the other it is.
    pub version: ObjectVersion,
    /// Its SHA-256; none where the backend or the client that wrote it keeps none.
    pub digest: Option<ObjectDigest>,
    /// When it was stored, by the clock of the server.
    pub modified: SystemTime,
    /// When it expires; unknown or never when absent.
    pub expires: Option<SystemTime>,
    /// Its media type.
    pub content_type: Option<String>,
    /// What it is, for people.
    pub description: Option<String>,
    /// What the caller noted with it.
    pub metadata: BTreeMap<String, String>,
}

impl ObjectInfo {
    /// An object with these attributes and no others.
    pub fn new(name: ObjectName, size: u64, version: ObjectVersion, modified: SystemTime) -> Self {
        Self {
            name,
            size,
            version,
            digest: None,
            modified,
            expires: None,
            content_type: None,
            description: None,
            metadata: BTreeMap::new(),
        }
    }
}

/// Distinguishes the objects that had one name one after the other. Compare it for equality only; it has no order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectVersion(Arc<str>);

impl ObjectVersion {
    /// The version with this text, as a backend wrote it.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for an `ETag` for example.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectPage {
    /// The objects, by name in the order of its bytes.
    pub objects: Vec<ObjectInfo>,
    /// The last name of this page if there are more: [`ListObjects::after`](crate::ListObjects::after) of the next one.
    pub next: Option<ObjectName>,
}

impl ObjectPage {
    /// A page.
    pub fn new(objects: Vec<ObjectInfo>, next: Option<ObjectName>) -> Self {
        Self { objects, next }
    }
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// Uploads that never became objects, and replaced objects whose data was left behind.
    pub orphans: u64,
    /// Records of deleted objects.
    pub tombstones: u64,
}
