//! Counts the memory of metrics over a simulated day, which takes the allocator of the process.

#[cfg(test)]
mod day;
