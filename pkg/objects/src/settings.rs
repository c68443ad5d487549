use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate};

use crate::{ObjectBucketSettings, StoreError, StoreTopology};

/// The object buckets of a service, and what may be done to them.
///
/// # Examples
/// ```
/// use underpin_objects::{ObjectBucketSettings, ObjectsSettings};
///
/// let settings = ObjectsSettings::default().bucket(ObjectBucketSettings::new("files"));
/// assert!(settings.check().is_ok());
/// assert!(settings.bucket(ObjectBucketSettings::new("files")).check().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ObjectsSettings {
    /// What may be done to the buckets on the server.
    pub topology: StoreTopology,
    /// The buckets. Their names differ.
    pub buckets: Vec<ObjectBucketSettings>,
}

impl ObjectsSettings {
    /// Adds a bucket.
    #[must_use]
    pub fn bucket(mut self, bucket: ObjectBucketSettings) -> Self {
        self.buckets.push(bucket);
        self
    }

    /// Sets what may be done to the buckets on the server.
    #[must_use]
    pub fn topology(mut self, topology: StoreTopology) -> Self {
        self.topology = topology;
        self
    }

    /// The settings of a bucket.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] when they are missing.
    pub fn declared(&self, name: &str) -> Result<&ObjectBucketSettings, StoreError> {
        self.buckets.iter().find(|bucket| bucket.name == name).ok_or_else(|| {
            StoreError::option(format!("buckets.{name}"), "is missing: add the bucket to the settings")
        })
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
}

impl Validate for ObjectsSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.each("buckets", &self.buckets);
        let names: HashSet<&String> = self.buckets.iter().map(|bucket| &bucket.name).collect();
        checks.ensure(names.len() == self.buckets.len(), "buckets", "must have different names");
    }
}
