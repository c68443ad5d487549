//! Two ways to look at live settings without a lock.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::Guard;

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
pub struct Reader<T> {
    live: Live<T>,
    cached: Arc<T>,
}

impl<T> Reader<T> {
    pub(super) fn new(live: Live<T>) -> Self {
        let cached = live.current();
        Self { live, cached }
    }

    /// The settings as they are now. One atomic load while nothing changes.
    pub fn get(&mut self) -> &T {
        let now = self.live.0.current.load();
        if !Arc::ptr_eq(&now, &self.cached) {
            self.cached = Guard::into_inner(now);
        }
        &self.cached
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self { live: self.live.clone(), cached: Arc::clone(&self.cached) }
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("live", &self.live).finish_non_exhaustive()
    }
}
