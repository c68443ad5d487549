//! Counts the allocations of records, which takes the allocator of the process.

#[cfg(test)]
#[cfg(feature = "bridges")]
mod records;
