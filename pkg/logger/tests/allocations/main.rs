//! Counts the allocations of records, which takes the allocator of the process.

#[cfg(all(test, feature = "bridges"))]
mod records;
