//! The buckets of `underpin-store` as a plugin.

mod buckets;
mod open;

pub use buckets::Store;
pub use open::OpenStore;
