//! What leases and fetches pass on about low-water marks; [`super::partitions`] explains them.

/// A partition that is leased to this worker, as the table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeasedPartition {
    pub(super) partition: i16,
    pub(super) low_water: i64,
}

/// What a fetch asks for.
#[derive(Debug, Clone)]
pub(super) struct FetchPlan {
    pub(super) partitions: LowWaterMarks,
    /// Rows of one partition at most.
    pub(super) most: u32,
    /// Bytes of one partition, about.
    pub(super) bytes: u64,
}

/// An id, and the number of a transaction that began after it was drawn; both are safe on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SnapshotMarker {
    pub(super) last: i64,
    pub(super) number: i64,
}

/// Partitions, each with an id.
pub(super) type LowWaterMarks = Vec<(i16, i64)>;
