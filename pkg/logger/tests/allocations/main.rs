//! Counts the allocations of records, which takes the allocator of the process.

#[cfg(test)]
#[cfg(all(feature = "bridges", feature = "testing"))]
mod records;
