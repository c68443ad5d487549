use std::ops::Deref;

/// A value that shares no cache line with its neighbours: what every record reads stays in the caches of all cores although
/// the lock beside it is taken by one after the other. 128 bytes, because some processors fetch lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct CachePadded<T>(T);

impl<T> CachePadded<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for CachePadded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
