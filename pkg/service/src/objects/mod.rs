//! The object buckets of `underpin-objects` as a plugin.

mod buckets;
mod open;

pub use buckets::ObjectStore;
pub use open::OpenObjectStore;
