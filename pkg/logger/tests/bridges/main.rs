//! Bridges that are installed, which takes the subscriber and the logger of the process.

#[cfg(test)]
#[cfg(feature = "bridges")]
mod stream;
