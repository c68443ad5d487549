use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use underpin_errors::{Health, HealthCheck, Report};

use super::JetStream;
use crate::pipeline::too_many_wait;

#[async_trait]
impl HealthCheck for JetStream {
    fn name(&self) -> &'static str {
        "events"
    }

    async fn check(&self) -> Health {
        let connection = &self.inner().connection;
        let link = connection.link();
        let info = connection.server_info();
        let health = match (link.closed, link.up) {
            (true, _) => Health::down("connection is closed"),
            (_, false) => Health::down("not connected"),
            // A round trip, since a connection to a frozen server looks fine.
            (_, true) => match self.inner().stream_info(&self.inner().settings.stream.name).await {
                Ok(Some(stream)) => Health::up().detail("messages", stream.state.messages),
                Ok(None) => Health::down("the stream is missing"),
                Err(failure) => Health::down(Report(&failure).to_string()),
            },
        };
        health
            .detail("backend", "jetstream")
            .detail("server", info.server_name)
            .detail("server_version", info.version)
            .detail("reconnects", link.epoch)
            .detail("publishing", self.inner().in_window())
    }
}

/// What a subscription tells of itself.
#[derive(Clone)]
pub(super) struct Pulse(Arc<Mutex<State>>);

struct State {
    recovering: Option<String>,
    last_sign: Instant,
    busy: bool,
    /// Nothing is asked for until what is unconfirmed is settled.
    waiting: bool,
    recoveries: u64,
    /// Events that the server has delivered and that are not acknowledged, over all processes, and how many there may be.
    unacknowledged: usize,
    max_unacknowledged: usize,
}

/// How long a subscription may hear nothing from the server: several heartbeats.
pub(super) const DEAF_AFTER: Duration = Duration::from_secs(8);

impl Pulse {
    pub(super) fn new(max_unacknowledged: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            recovering: None,
            last_sign: Instant::now(),
            busy: false,
            waiting: false,
            recoveries: 0,
            unacknowledged: 0,
            max_unacknowledged,
        })))
    }

    /// The server gave a sign of life.
    pub(super) fn beat(&self) {
        let mut state = self.state();
        (state.last_sign, state.busy, state.waiting) = (Instant::now(), false, false);
    }

    /// Every slot is taken: the server is not asked for more, and has no reason to say anything.
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

    /// The subscription is in place, and holds back for the sake of order. That is no trouble unless it takes long.
    pub(super) fn waiting(&self) {
        self.recovered();
        self.state().waiting = true;
    }

    pub(super) fn health(&self) -> Health {
        let state = self.state();
        let silent = state.last_sign.elapsed();
        let health = match &state.recovering {
            Some(reason) => Health::down(format!("recovering: {reason}")),
            None if state.waiting && silent > DEAF_AFTER => {
                Health::down("waiting for what was delivered and is unconfirmed")
            }
            None if !state.busy && silent > DEAF_AFTER => Health::down("no sign of life from the server"),
            // With strict order there is one event at most.
            None if state.max_unacknowledged > 1 && state.unacknowledged >= state.max_unacknowledged => {
                too_many_wait(state.unacknowledged)
            }
            None => Health::up(),
        };
        health.detail("recoveries", state.recoveries)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
