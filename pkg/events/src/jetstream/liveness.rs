use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use underpin_errors::Health;

use crate::pipeline::too_many_wait;

/// What a subscription reports of itself.
#[derive(Clone)]
pub(super) struct Liveness(Arc<Mutex<State>>);

struct State {
    recovering: Option<String>,
    last_sign: Instant,
    /// Every in-flight permit is taken: the server is asked for nothing and says nothing.
    busy: bool,
    /// For the sake of order, nothing is fetched until lost deliveries are confirmed or delivered again.
    waiting: bool,
    recoveries: u64,
    /// Events that the server has delivered and that are not acknowledged, over all processes, and how many there may be.
    unacknowledged: usize,
    max_unacknowledged: usize,
    /// Messages that the client could not read, and the last of them.
    quarantined: u64,
    last_quarantined: Option<u64>,
}

/// How long a subscription may hear nothing from the server: several heartbeats.
pub(super) const DEAF_AFTER: Duration = Duration::from_secs(8);

impl Liveness {
    pub(super) fn new(max_unacknowledged: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            recovering: None,
            last_sign: Instant::now(),
            busy: false,
            waiting: false,
            recoveries: 0,
            unacknowledged: 0,
            max_unacknowledged,
            quarantined: 0,
            last_quarantined: None,
        })))
    }

    /// The server sent something.
    pub(super) fn beat(&self) {
        let mut state = self.state();
        (state.last_sign, state.busy, state.waiting) = (Instant::now(), false, false);
    }

    pub(super) fn busy(&self) {
        self.state().busy = true;
    }

    /// What the server counts as unacknowledged.
    pub(super) fn unacknowledged(&self, events: usize) {
        self.state().unacknowledged = events;
    }

    pub(super) fn recovering(&self, reason: String) {
        let mut state = self.state();
        state.recoveries += 1;
        state.recovering = Some(reason);
    }

    pub(super) fn recovered(&self) {
        self.state().recovering = None;
        self.beat();
    }

    /// The subscription is in place and waits for lost deliveries. That is healthy unless it takes long.
    pub(super) fn waiting(&self) {
        self.recovered();
        self.state().waiting = true;
    }

    /// A message that the client cannot read was dead-lettered.
    pub(super) fn quarantined(&self, sequence: u64) {
        let mut state = self.state();
        state.quarantined += 1;
        state.last_quarantined = Some(sequence);
    }

    pub(super) fn health(&self) -> Health {
        let state = self.state();
        let silent = state.last_sign.elapsed();
        let health = match &state.recovering {
            Some(reason) => Health::down(format!("recovering: {reason}")),
            None if state.waiting && silent > DEAF_AFTER => {
                Health::down("waiting for unconfirmed deliveries")
            }
            None if !state.busy && silent > DEAF_AFTER => Health::down("no sign of life from the server"),
            // With strict order there is one event at most.
            None if state.max_unacknowledged > 1 && state.unacknowledged >= state.max_unacknowledged => {
                too_many_wait(state.unacknowledged)
            }
            None => Health::up(),
        };
        let health = health.detail("recoveries", state.recoveries);
        match state.last_quarantined {
            Some(sequence) => {
                health.detail("quarantined", state.quarantined).detail("last_quarantined_sequence", sequence)
            }
            None => health,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
