//! A cache in front of a slow source: one load at a time for each key, and no value from before an invalidation.

mod builder;
mod feed;
mod flights;
mod generation;
mod handle;
mod inner;
mod key_value_feed;
mod second_level;
mod settings;
mod stats;
mod tags;

pub use builder::CacheBuilder;
pub use feed::{Invalidation, InvalidationFeed, Invalidations};
pub use handle::Cache;
pub use key_value_feed::KeyValueFeed;
pub use settings::CacheSettings;
pub use stats::CacheStats;
