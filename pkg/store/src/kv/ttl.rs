//! The rules of a time to live, for every backend.

use std::time::Duration;

use crate::{BucketSettings, StoreError, Ttl};

/// The longest: the server counts in nanoseconds with a sign.
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 60 * 60);

/// Whole seconds, rounded up; none without a time to live.
pub(crate) fn seconds(bucket: &BucketSettings, ttl: Ttl) -> Result<Option<u64>, StoreError> {
    let Ttl::After(after) = ttl else { return Ok(None) };
    if !bucket.key_ttl {
        return Err(StoreError::option("ttl", "needs a bucket with `key_ttl = true`"));
    }
    if !(Duration::from_secs(1)..=LONGEST).contains(&after) {
        return Err(StoreError::option("ttl", "must be from 1s to 3650 days"));
    }
    Ok(Some(after.as_secs() + u64::from(after.subsec_nanos() > 0)))
}
