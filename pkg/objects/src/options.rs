use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use underpin_config::setters;

use crate::{ObjectDigest, ObjectName, ObjectVersion, WatchStart};

/// What a write expects to find under the name. It does nothing if it finds something else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ObjectExpect {
    /// Whatever is there.
    #[default]
    Anything,
    /// No object.
    Absent,
    /// The object with this version.
    Version(ObjectVersion),
}

/// How an object is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutObject {
    /// What must be there before.
    pub expect: ObjectExpect,
    /// How long the object is kept, from 1s. Only in buckets with [`object_ttl`](crate::ObjectBucketSettings::object_ttl).
    pub ttl: Option<Duration>,
    /// Its media type.
    pub content_type: Option<String>,
    /// What it is, for people.
    pub description: Option<String>,
    /// What to note with it. Keys are compared without case by some backends; S3 takes 2 KiB in all.
    pub metadata: BTreeMap<String, String>,
    /// The SHA-256 that the data must have: an upload with another one is refused.
    pub digest: Option<ObjectDigest>,
    /// How long the data may pause; 30s by default. The age of a sweep must be longer: see [`Objects::sweep`](crate::Objects::sweep).
    pub idle: Duration,
}

impl Default for PutObject {
    fn default() -> Self {
        Self {
            expect: ObjectExpect::Anything,
            ttl: None,
            content_type: None,
            description: None,
            metadata: BTreeMap::new(),
            digest: None,
            idle: Duration::from_secs(30),
        }
    }
}

impl PutObject {
    setters! {
        /// Sets what must be there before.
        expect: ObjectExpect => expect;
        /// Sets how long the object is kept.
        ttl: Duration => Some(ttl);
        /// Sets the media type.
        content_type: impl Into<String> => Some(content_type.into());
        /// Sets the description.
        description: impl Into<String> => Some(description.into());
        /// Sets the digest that the data must have.
        digest: ObjectDigest => Some(digest);
        /// Sets how long the data may pause.
        idle: Duration => idle;
    }

    /// Notes something with the object.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}

/// What of an object is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GetObject {
    /// The bytes; all when absent. The end may lie behind that of the object. A part is not checked against the digest.
    pub range: Option<Range<u64>>,
    /// The version that must still be there.
    pub version: Option<ObjectVersion>,
}

impl GetObject {
    setters! {
        /// Reads only these bytes.
        range: Range<u64> => Some(range);
        /// Reads only this version.
        version: ObjectVersion => Some(version);
    }
}

/// Which objects are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListObjects {
    /// What the names begin with.
    pub prefix: String,
    /// The name after which the page begins: [`ObjectPage::next`](crate::ObjectPage::next) of the one before.
    pub after: Option<ObjectName>,
    /// How many objects the page has at most; 1,000 by default.
    pub limit: usize,
}

impl Default for ListObjects {
    fn default() -> Self {
        Self { prefix: String::new(), after: None, limit: 1000 }
    }
}

impl ListObjects {
    setters! {
        /// Lists only names that begin with this.
        prefix: impl Into<String> => prefix.into();
        /// Begins after a name.
        after: ObjectName => Some(after);
        /// Sets how many objects the page has at most.
        limit: usize => limit;
    }
}

/// Which changes are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchObjects {
    /// What the names begin with.
    pub prefix: String,
    /// Where it begins.
    pub start: WatchStart,
}

impl WatchObjects {
    setters! {
        /// Watches only names that begin with this.
        prefix: impl Into<String> => prefix.into();
        /// Sets where it begins.
        start: WatchStart => start;
    }
}
