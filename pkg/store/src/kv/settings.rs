use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate, duration};

use crate::{StoreError, Ttl};

/// 10 years. The server counts ages in nanoseconds with a sign.
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

/// A bucket, as it should be.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_store::BucketSettings;
///
/// let sessions = BucketSettings::new("sessions").key_ttl(true).ttl(Duration::from_secs(24 * 60 * 60));
/// assert!(sessions.check().is_ok());
/// // An entry that expired would uncover the one before.
/// assert!(sessions.history(5).check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BucketSettings {
    /// The name: letters, digits, `-` and `_`.
    pub name: String,
    /// How many writes of a key are kept, from 1 to 64.
    pub history: u64,
    /// How long an entry is kept, from 1s to 3650 days; for ever when absent.
    #[serde(with = "duration::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<underpin_config::schema::DurationText>"))]
    pub ttl: Option<Duration>,
    /// Whether a write may give its entry a time to live. Needs `history = 1` and nats-server 2.11.
    pub key_ttl: bool,
    /// How long the bucket remembers that an entry was removed or has expired, from 1s to a day; with `key_ttl` only. A watch that is
    /// interrupted for longer starts over.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub marker_ttl: Duration,
    /// The largest value; the server's limit when absent.
    pub max_value_size: Option<ByteSize>,
    /// How large the bucket may become; no limit when absent. A full bucket refuses writes.
    pub max_bytes: Option<ByteSize>,
    /// Where it is stored.
    pub storage: Storage,
    /// How many servers of a cluster keep a copy, from 1 to 5.
    pub replicas: usize,
}

/// Where a bucket is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Storage {
    /// In files: entries survive the server.
    #[default]
    File,
    /// In memory: a server that ends takes every entry with it.
    Memory,
}

impl BucketSettings {
    /// Default settings for a bucket of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    underpin_config::setters! {
        /// Sets how many writes of a key are kept.
        history: u64 => history;
        /// Sets how long an entry is kept.
        ttl: Duration => Some(ttl);
        /// Sets whether a write may give its entry a time to live.
        key_ttl: bool => key_ttl;
        /// Sets how long removals are remembered.
        marker_ttl: Duration => marker_ttl;
        /// Sets the largest value.
        max_value_size: ByteSize => Some(max_value_size);
        /// Sets how large the bucket may become.
        max_bytes: ByteSize => Some(max_bytes);
        /// Sets where it is stored.
        storage: Storage => storage;
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
}

impl BucketSettings {
    /// The whole seconds of a time to live, rounded up, by the rules that every backend shares; none without one.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] for a bucket without [`key_ttl`](Self::key_ttl), and outside 1s to 3650 days.
    pub fn whole_seconds(&self, ttl: Ttl) -> Result<Option<u64>, StoreError> {
        let Ttl::After(after) = ttl else { return Ok(None) };
        if !self.key_ttl {
            return Err(StoreError::option("ttl", "needs a bucket with `key_ttl = true`"));
        }
        if !(Duration::from_secs(1)..=LONGEST).contains(&after) {
            return Err(StoreError::option("ttl", "must be from 1s to 3650 days"));
        }
        Ok(Some(after.as_secs() + u64::from(after.subsec_nanos() > 0)))
    }
}

impl Default for BucketSettings {
    fn default() -> Self {
        Self {
            name: "store".to_owned(),
            history: 1,
            ttl: None,
            key_ttl: false,
            marker_ttl: Duration::from_secs(60),
            max_value_size: None,
            max_bytes: None,
            storage: Storage::File,
            replicas: 1,
        }
    }
}

impl Validate for BucketSettings {
    fn validate(&self, checks: &mut Checks) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let name = (1..=200).contains(&self.name.len()) && self.name.bytes().all(plain);
        checks.ensure(name, "name", "must be 1 to 200 letters, digits, `-` and `_`");
        checks.ensure((1..=64).contains(&self.history), "history", "must be from 1 to 64");
        if let Some(ttl) = self.ttl {
            let fits = (Duration::from_secs(1)..=LONGEST).contains(&ttl);
            checks.ensure(fits, "ttl", "must be from 1s to 3650 days");
            checks.ensure(!self.key_ttl || ttl >= self.marker_ttl, "ttl", "must not be below `marker_ttl`");
        }
        checks.ensure(
            !self.key_ttl || self.history == 1,
            "key_ttl",
            "needs `history = 1`: an entry that expires would uncover the one before",
        );
        let marker = (Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60)).contains(&self.marker_ttl);
        checks.ensure(marker, "marker_ttl", "must be from 1s to a day");
        checks.ensure((1..=5).contains(&self.replicas), "replicas", "must be from 1 to 5");
        let positive = |size: Option<ByteSize>| size.is_none_or(|size| size.bytes() > 0);
        checks.ensure(positive(self.max_value_size), "max_value_size", "must be at least 1 byte");
        checks.ensure(positive(self.max_bytes), "max_bytes", "must be at least 1 byte");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_do_not_fit_together_are_refused() {
        let good = BucketSettings::new("a-b_1").key_ttl(true);
        assert!(good.check().is_ok());
        let second = Duration::from_secs(1);
        for (bad, option) in [
            (BucketSettings::new(""), "name"),
            (BucketSettings::new("a.b"), "name"),
            (BucketSettings::new("a").history(0), "history"),
            (BucketSettings::new("a").history(65), "history"),
            (BucketSettings::new("a").ttl(second / 2), "ttl"),
            (good.clone().ttl(second), "ttl"),
            (good.clone().history(2), "key_ttl"),
            (good.clone().marker_ttl(second / 2), "marker_ttl"),
            (good.clone().replicas(0), "replicas"),
            (good.max_bytes(ByteSize::new(0)), "max_bytes"),
        ] {
            match bad.check() {
                Err(StoreError::InvalidOption { option: found, .. }) => assert_eq!(found, option),
                other => panic!("{option}: {other:?}"),
            }
        }
    }
}
