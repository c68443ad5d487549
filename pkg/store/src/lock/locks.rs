use std::time::Duration;

use async_trait::async_trait;

use crate::{Lease, StoreError};

/// Locks by name, held for as long as they are renewed.
///
/// A lock of several machines excludes nothing by itself: a holder that is frozen, or whose network is, learns that it lost the lock
/// when it runs again. What protects a resource is the [`token`](Lease::token): let the resource refuse a token that is smaller than
/// one that it has seen.
///
/// **Fairness:** none; any waiter may be next.
#[async_trait]
pub trait Locks: Send + Sync + 'static {
    /// Takes the lock if it is free. `lease` is how long it is held without a renewal, from a second to a day; it is renewed each third
    /// of that by itself.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`] and [`StoreError::InvalidOption`], [`StoreError::Unconfirmed`] when the lock may be taken until the
    /// lease is over, and those of [`KeyValue::put`](crate::KeyValue::put).
    ///
    /// # Cancel safety
    /// The lock may be taken until the lease is over.
    async fn try_acquire(&self, name: &str, lease: Duration) -> Result<Option<Lease>, StoreError>;

    /// Takes the lock, and waits for it until `within` is over.
    ///
    /// # Errors
    /// [`StoreError::Timeout`] when others had it, and those of [`try_acquire`](Self::try_acquire).
    ///
    /// # Cancel safety
    /// That of [`try_acquire`](Self::try_acquire).
    async fn acquire(&self, name: &str, lease: Duration, within: Duration) -> Result<Lease, StoreError>;
}

const _: fn(&dyn Locks) = |_| ();
