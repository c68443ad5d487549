//! The state that the clones of live settings, their readers and their subscribers share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::changes::Signal;
use crate::load::source::dynamic::Fetched;
use crate::{ConfigError, Loader, Snapshot};

pub(super) struct Shared<T> {
    pub(super) loader: Loader,
    pub(super) current: ArcSwap<T>,
    pub(super) signal: Arc<Signal<T>>,
    /// Held for a whole reload, so that two reloads run one after the other.
    loaded: Mutex<Loaded>,
}

/// The configuration behind the current value.
pub(super) struct Loaded {
    pub(super) snapshot: Snapshot,
    pub(super) fetched: Option<Vec<Fetched>>,
    pub(super) error: Option<ConfigError>,
}

impl<T> Shared<T> {
    pub(super) fn new(loader: Loader, value: Arc<T>, loaded: Loaded) -> Self {
        let signal = Arc::new(Signal::new(Arc::clone(&value)));
        Self { loader, current: ArcSwap::new(value), signal, loaded: Mutex::new(loaded) }
    }

    pub(super) fn loaded(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        self.signal.close();
    }
}
