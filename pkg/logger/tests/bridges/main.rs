//! Bridges that are installed, which takes the subscriber and the logger of the process.

#[cfg(all(test, feature = "bridges"))]
mod stream;
