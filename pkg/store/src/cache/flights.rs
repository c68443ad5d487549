use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch::{self, Receiver, Sender};
use underpin_errors::Error;

/// What a load brought, for all callers that wait for it.
pub(super) type Answer<V> = Result<Option<V>, Arc<Error>>;

/// An answer that is waited for.
pub(super) type Pending<V> = Receiver<Option<Answer<V>>>;

/// The loads that are under way, one for each key.
pub(super) struct Flights<K, V>(Mutex<State<K, V>>);

struct State<K, V> {
    next: u64,
    loads: HashMap<K, (u64, Pending<V>)>,
}

/// A load that others may join. Dropped without an answer, it fails for all who wait.
pub(super) struct Flight<V> {
    pub(super) number: u64,
    pub(super) answer: Sender<Option<Answer<V>>>,
}

impl<K: Clone + Eq + Hash, V> Flights<K, V> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { next: 0, loads: HashMap::new() }))
    }

    /// The load of a key, and whether it has to be started.
    pub(super) fn join(&self, key: &K) -> (Pending<V>, Option<Flight<V>>) {
        let mut state = self.state();
        // One whose task ended without an answer is none.
        if let Some((_, receiver)) =
            state.loads.get(key).filter(|(_, receiver)| receiver.has_changed().is_ok())
        {
            return (receiver.clone(), None);
        }
        let (answer, receiver) = watch::channel(None);
        let number = state.next;
        state.next += 1;
        state.loads.insert(key.clone(), (number, receiver.clone()));
        (receiver, Some(Flight { number, answer }))
    }

    /// Forgets a load: later callers start another one.
    pub(super) fn forget(&self, key: &K) {
        drop(self.state().loads.remove(key));
    }

    pub(super) fn forget_all(&self) {
        self.state().loads.clear();
    }

    /// Forgets a load that has ended, unless another one took its place.
    pub(super) fn ended(&self, key: &K, number: u64) {
        let mut state = self.state();
        if state.loads.get(key).is_some_and(|(found, _)| *found == number) {
            state.loads.remove(key);
        }
    }

    fn state(&self) -> MutexGuard<'_, State<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
