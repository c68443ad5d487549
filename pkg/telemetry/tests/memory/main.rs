//! The memory of metrics over a simulated day, and of an export whose collector takes nothing. It counts what the process holds, which takes its
//! allocator.

#[cfg(test)]
mod allocator;
#[cfg(test)]
mod day;
#[cfg(test)]
mod export;
