//! Key-value in memory: the twin of the server backends, for tests and for services of one process.

mod bucket;
mod key_value;
mod persist;
mod record;
mod shared;
mod stored_write;
mod watch;

pub use key_value::MemoryKeyValue;
