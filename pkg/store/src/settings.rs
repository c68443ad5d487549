use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate};

use crate::{BucketSettings, StoreError};

/// The buckets of a service, and what may be done to them.
///
/// # Examples
/// ```
/// use underpin_store::{BucketSettings, StoreSettings};
///
/// let settings = StoreSettings::default()
///     .bucket(BucketSettings::new("carts").history(5))
///     .bucket(BucketSettings::new("sessions").key_ttl(true));
/// assert!(settings.check().is_ok());
/// assert!(settings.bucket(BucketSettings::new("carts")).check().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StoreSettings {
    /// What may be done to the buckets on the server.
    pub topology: StoreTopology,
    /// The buckets. Their names differ.
    pub buckets: Vec<BucketSettings>,
}

/// What may be done to the buckets on the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StoreTopology {
    /// Create what is missing and change what differs, then read it back and compare.
    #[default]
    Apply,
    /// Compare only; a difference is an error. For production where an operator owns the buckets.
    Verify,
}

impl StoreSettings {
    /// Adds a bucket.
    #[must_use]
    pub fn bucket(mut self, bucket: BucketSettings) -> Self {
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
    pub(crate) fn declared(&self, name: &str) -> Result<&BucketSettings, StoreError> {
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

impl Validate for StoreSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.each("buckets", &self.buckets);
        let names: HashSet<&String> = self.buckets.iter().map(|bucket| &bucket.name).collect();
        checks.ensure(names.len() == self.buckets.len(), "buckets", "must have different names");
    }
}
