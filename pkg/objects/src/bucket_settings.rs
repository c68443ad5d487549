use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate, duration};
use underpin_store::BucketSettings;

use crate::{Storage, StoreError};

/// How long the chunks of an object outlive its metadata, so that what can be found can be read. An upload that takes longer shortens
/// the life of its object.
pub(crate) const GRACE: Duration = Duration::from_secs(600);
/// How long a watch may be interrupted before it starts over. Expiries are known from the metadata, deletions from records that stay as long.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(1800);

/// A bucket of objects, as it should be.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_objects::ObjectBucketSettings;
///
/// let uploads = ObjectBucketSettings::new("uploads").ttl(Duration::from_secs(24 * 60 * 60));
/// assert!(uploads.check().is_ok());
/// assert!(uploads.window(0).check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ObjectBucketSettings {
    /// The name: letters, digits, `-` and `_`.
    pub name: String,
    /// How long an object is kept, from 1s to 3650 days; for ever when absent. Needs nats-server 2.11. Objects that other clients
    /// write are kept 10 minutes longer.
    #[serde(with = "duration::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<underpin_config::schema::DurationText>"))]
    pub ttl: Option<Duration>,
    /// Whether an object may have a time to live. Needs nats-server 2.11.
    pub object_ttl: bool,
    /// How much of an object is one message, from 1 KiB to 8 MiB; never more than the server takes.
    pub chunk_size: ByteSize,
    /// How many chunks an upload or a download has in flight, from 1 to 256. A transfer holds at most this many in memory.
    pub window: usize,
    /// How large the bucket may become; no limit when absent. A full bucket refuses objects.
    pub max_bytes: Option<ByteSize>,
    /// Where it is stored.
    pub storage: Storage,
    /// Whether the server compresses its files.
    pub compression: bool,
    /// How many servers of a cluster keep a copy, from 1 to 5.
    pub replicas: usize,
}

impl ObjectBucketSettings {
    /// Default settings for a bucket of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    underpin_config::setters! {
        /// Sets how long an object is kept.
        ttl: Duration => Some(ttl);
        /// Sets whether an object may have a time to live.
        object_ttl: bool => object_ttl;
        /// Sets how much of an object is one message.
        chunk_size: ByteSize => chunk_size;
        /// Sets how many chunks are in flight.
        window: usize => window;
        /// Sets how large the bucket may become.
        max_bytes: ByteSize => Some(max_bytes);
        /// Sets where it is stored.
        storage: Storage => storage;
        /// Sets whether the server compresses its files.
        compression: bool => compression;
        /// Sets how many servers of a cluster keep a copy.
        replicas: usize => replicas;
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] names the first that is out of range.
    pub fn check(&self) -> Result<(), StoreError> {
        match Checks::of(self).failures().first() {
            Some(failure) => Err(StoreError::option(failure.key(), failure.message())),
            None => Ok(()),
        }
    }

    /// The bucket of the metadata.
    pub(crate) fn metadata(&self) -> BucketSettings {
        let bucket = BucketSettings::new(self.name.clone()).marker_ttl(REMEMBERED).replicas(self.replicas);
        bucket.key_ttl(self.expires()).storage(self.storage)
    }

    /// Whether objects may expire.
    pub(crate) fn expires(&self) -> bool {
        self.object_ttl || self.ttl.is_some()
    }
}

impl Default for ObjectBucketSettings {
    fn default() -> Self {
        Self {
            name: "objects".to_owned(),
            ttl: None,
            object_ttl: false,
            chunk_size: ByteSize::kib(128),
            window: 8,
            max_bytes: None,
            storage: Storage::File,
            compression: false,
            replicas: 1,
        }
    }
}

impl Validate for ObjectBucketSettings {
    fn validate(&self, checks: &mut Checks) {
        let mut bucket = self.metadata().key_ttl(false);
        (bucket.ttl, bucket.max_bytes) = (self.ttl, self.max_bytes);
        bucket.validate(checks);
        let sizes = ByteSize::kib(1)..=ByteSize::mib(8);
        checks.ensure(sizes.contains(&self.chunk_size), "chunk_size", "must be from 1 KiB to 8 MiB");
        checks.ensure((1..=256).contains(&self.window), "window", "must be from 1 to 256");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused() {
        let good = ObjectBucketSettings::new("a-b_1").object_ttl(true);
        assert!(good.check().is_ok());
        for (bad, option) in [
            (ObjectBucketSettings::new("a.b"), "name"),
            (good.clone().ttl(Duration::from_millis(500)), "ttl"),
            (good.clone().chunk_size(ByteSize::new(1)), "chunk_size"),
            (good.clone().window(257), "window"),
            (good.clone().max_bytes(ByteSize::new(0)), "max_bytes"),
            (good.clone().replicas(6), "replicas"),
        ] {
            match bad.check() {
                Err(StoreError::InvalidOption { option: found, .. }) => assert_eq!(found, option),
                other => panic!("{option}: {other:?}"),
            }
        }
    }
}
