//! Reads of live settings without a lock.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache, Guard};

use super::shared::Shared;

/// The settings of one moment; dereferences to them.
pub struct Current<T>(Guard<Arc<T>>);

impl<T> Current<T> {
    pub(super) const fn new(guard: Guard<Arc<T>>) -> Self {
        Self(guard)
    }
}

impl<T> Deref for Current<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Current<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A caching reader for one thread or task; made by
/// [`Live::reader`](crate::Live::reader).
///
/// It keeps the value that it read last alive until the next read.
pub struct Reader<T> {
    cache: Cache<Pointer<T>, Arc<T>>,
}

impl<T> Reader<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { cache: Cache::new(Pointer(shared)) }
    }

    /// The settings as they are now. One atomic load while nothing changes.
    pub fn get(&mut self) -> &T {
        self.cache.load()
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone() }
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// Gives the cache the pointer that it compares.
struct Pointer<T>(Arc<Shared<T>>);

impl<T> Deref for Pointer<T> {
    type Target = ArcSwap<T>;

    fn deref(&self) -> &ArcSwap<T> {
        &self.0.current
    }
}

impl<T> Clone for Pointer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
