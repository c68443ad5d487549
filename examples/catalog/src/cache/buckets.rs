use std::time::Duration;

use underpin_store::{BucketSettings, Storage};

use super::ProductCache;

impl ProductCache {
    /// The names of the second level: one bucket for products, one for pages.
    pub const LEVEL_TWO: [&str; 2] = ["products", "pages"];

    /// The names of the feeds through which processes hear of each other's invalidations.
    pub const FEEDS: [&str; 2] = ["product-invalidations", "page-invalidations"];

    /// The buckets of the second level. They may be lost at any time.
    pub fn level_two() -> [BucketSettings; 2] {
        Self::LEVEL_TWO.map(|name| BucketSettings::new(name).storage(Storage::Memory).key_ttl(true))
    }

    /// The buckets of the feeds: a process that was away for longer than their `ttl` drops everything anyway.
    pub fn feeds() -> [BucketSettings; 2] {
        let ttl = Duration::from_secs(60);
        Self::FEEDS.map(|name| BucketSettings::new(name).storage(Storage::Memory).ttl(ttl))
    }
}
