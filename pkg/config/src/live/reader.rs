//! Two ways to look at live settings without a lock.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache, Guard};

use super::Live;

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

/// A reader with a cache of its own, for one thread or task; made by [`Live::reader`].
///
/// It keeps the value that it saw last alive until it looks again.
pub struct Reader<T> {
    cache: Cache<Pointer<T>, Arc<T>>,
}

impl<T> Reader<T> {
    pub(super) fn new(live: Live<T>) -> Self {
        Self { cache: Cache::new(Pointer(live)) }
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

/// Leads the cache to the pointer that it watches.
struct Pointer<T>(Live<T>);

impl<T> Deref for Pointer<T> {
    type Target = ArcSwap<T>;

    fn deref(&self) -> &ArcSwap<T> {
        &self.0.0.current
    }
}

impl<T> Clone for Pointer<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
