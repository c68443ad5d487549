//! Notifies subscribers of live settings on any runtime.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Receives every change of live settings; made by [`Live::subscribe`](crate::Live::subscribe).
///
/// A subscriber that is slower than the changes sees the latest value, not each one between.
pub struct Changes<T> {
    signal: Arc<Signal<T>>,
    id: u64,
    seen: u64,
}

impl<T: Send + Sync> Changes<T> {
    pub(super) fn of(signal: &Arc<Signal<T>>) -> Self {
        let mut state = signal.state();
        state.subscribers += 1;
        Self { signal: Arc::clone(signal), id: state.subscribers, seen: state.version }
    }

    /// Waits for the next change; `None` when the live settings are gone. Works on any runtime.
    ///
    /// # Cancel safety
    /// A call that is dropped loses nothing: the next one returns the change.
    pub async fn next(&mut self) -> Option<Arc<T>> {
        poll_fn(|context| self.poll(context)).await
    }

    /// Blocks the thread until the next change, at most that long. `None` when there was none.
    pub fn wait(&mut self, limit: Duration) -> Option<Arc<T>> {
        let deadline = Instant::now().checked_add(limit);
        let mut state = self.signal.state();
        while state.version == self.seen && !state.closed {
            let left = deadline.map_or(limit, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            let waited = self.signal.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let changed = state.version != self.seen;
        self.seen = state.version;
        changed.then(|| Arc::clone(&state.latest))
    }

    fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Arc<T>>> {
        let mut state = self.signal.state();
        if state.version != self.seen {
            self.seen = state.version;
            return Poll::Ready(Some(Arc::clone(&state.latest)));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.wakers.insert(self.id, context.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Changes<T> {
    fn drop(&mut self) {
        let waker = self.signal.state().wakers.remove(&self.id);
        drop(waker); // after the lock is released: a waker may run code of the runtime
    }
}

impl<T> fmt::Debug for Changes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("seen", &self.seen).finish_non_exhaustive()
    }
}

/// What the live settings and their subscribers share.
pub(super) struct Signal<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    latest: Arc<T>,
    version: u64,
    subscribers: u64,
    closed: bool,
    wakers: BTreeMap<u64, Waker>,
}

impl<T> Signal<T> {
    pub(super) fn new(latest: Arc<T>) -> Self {
        let state = State { latest, version: 0, subscribers: 0, closed: false, wakers: BTreeMap::new() };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn announce(&self, value: Arc<T>) {
        self.tell(|state| {
            state.version += 1;
            state.latest = value;
        });
    }

    pub(super) fn close(&self) {
        self.tell(|state| state.closed = true);
    }

    fn tell(&self, change: impl FnOnce(&mut State<T>)) {
        let mut state = self.state();
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.changed.notify_all();
        wakers.into_values().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
