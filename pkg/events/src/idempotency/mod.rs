//! Effects once: a store of handled events, and the handler that consults it.

mod claim_guard;
mod handler;
#[cfg(feature = "jetstream")]
mod jetstream;
#[cfg(feature = "memory")]
mod memory;
mod store;

pub use handler::{DEFAULT_LEASE, IdempotentHandler};
#[cfg(feature = "jetstream")]
pub use jetstream::JetStreamIdempotencyStore;
#[cfg(feature = "memory")]
pub use memory::MemoryIdempotencyStore;
pub use store::{Claim, ClaimToken, IdempotencyStore};
