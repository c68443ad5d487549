use async_trait::async_trait;

use crate::{Revision, StoreError};

/// How the caches of several instances hear of each other's invalidations: by a key-value watch
/// ([`KeyValueFeed`](crate::KeyValueFeed)), or by events.
#[async_trait]
pub trait InvalidationFeed: Send + Sync + 'static {
    /// Announces to the other instances that the value of a key is no longer valid.
    ///
    /// # Errors
    /// Those of whatever carries it. The others may not have heard.
    ///
    /// # Cancel safety
    /// The others may have heard.
    async fn publish(&self, key: &str) -> Result<(), StoreError>;

    /// Listens from now on.
    ///
    /// # Errors
    /// Those of whatever carries it.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn subscribe(&self) -> Result<Box<dyn Invalidations>, StoreError>;
}

const _: fn(&dyn InvalidationFeed) = |_| ();

/// Invalidations, one after the other.
#[async_trait]
pub trait Invalidations: Send {
    /// The next one.
    ///
    /// # Errors
    /// What ends the subscription. The cache drops everything and subscribes again.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn next(&mut self) -> Result<Invalidation, StoreError>;
}

const _: fn(&dyn Invalidations) = |_| ();

/// A message of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalidation {
    /// The value of a key changed.
    Key {
        /// The key as text.
        key: String,
        /// The write in the second level behind it: a value from that write or a later one is valid.
        revision: Option<Revision>,
    },
    /// Invalidations may have been missed: everything may be invalid.
    Interrupted,
}
