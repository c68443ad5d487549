use std::time::Duration;

/// What a bucket is and holds, at the moment of the call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketStatus {
    /// Its name.
    pub bucket: String,
    /// How many writes it holds: values, earlier values and removals.
    pub entries: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// How many writes of a key it keeps.
    pub history: u64,
    /// How long it keeps an entry; for ever when absent.
    pub ttl: Option<Duration>,
    /// Whether an entry may have a time to live.
    pub key_ttl: bool,
    /// How many servers keep a copy.
    pub replicas: usize,
    /// The revision of the last write.
    pub last: crate::Revision,
}
