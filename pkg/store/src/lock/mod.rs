//! Locks: leases with fencing tokens, over any key-value bucket with a time to live for each key.

mod clock;
mod key_value_locks;
mod lease;
mod locks;
mod renewal;

pub use key_value_locks::KeyValueLocks;
pub use lease::Lease;
pub use locks::Locks;
