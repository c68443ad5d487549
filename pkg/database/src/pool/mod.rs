//! The pool: one round trip a query, and no seat ever lost.

mod acquire;
mod answer;
mod core;
#[cfg(feature = "metrics")]
mod gauges;
mod health;
mod idle;
mod janitor;
mod lease;
mod open;
mod seat;
mod session_state;
mod settle;
mod side;
mod slot;
mod statements;
mod stats;
mod writers;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinHandle};
use underpin_logger::{Context, Logger};

pub(crate) use self::{
    core::Core,
    lease::{Lease, Open, Scope},
    open::{Opened, Opener},
    session_state::leaves_session_state,
    statements::make_call,
};
pub use health::DatabaseHealth;
pub use stats::{PoolStats, WaitHistogram};

use crate::{Backend, DatabaseSettings, driver::Connection};

/// Connections to one database, shared by everyone who clones the handle.
///
/// A statement takes a connection, pays one round trip and gives it back: no question on the way out unless the
/// connection was unused for a while, none on the way in. Callers are served in the order of asking, and give up at
/// `acquire_timeout`.
///
/// It implements sea-orm's `ConnectionTrait` and `TransactionTrait`, so entities run on it unchanged, and
/// [`Database`](crate::Database) for those who want a trait object.
///
/// Dropping the last handle closes the connections without waiting; [`close`](Self::close) waits.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
    /// Whose work it is; the task-local context when nobody said.
    ctx: Option<Context>,
}

struct Shared {
    core: Arc<Core>,
    janitor: Mutex<Option<JoinHandle<()>>>,
}

/// How a pool ended.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseOutcome {
    /// Every connection came back and was closed.
    Drained,
    /// Time ran out while callers still used connections. Each is closed when it comes back.
    TimedOut {
        /// Connections not yet back.
        still_in_use: usize,
    },
}

impl Pool {
    pub(crate) fn new(
        settings: DatabaseSettings,
        opener: Opener,
        first: Connection,
        log: Arc<dyn Logger>,
    ) -> Self {
        let (janitor, jobs) = mpsc::unbounded_channel();
        let core = Arc::new(Core::new(settings, opener, log, janitor));
        core.put_idle(core.adopt(first), Instant::now());
        let task = tokio::spawn(janitor::run(Arc::downgrade(&core), jobs, janitor::rounds(&core)));
        let shared = Shared { core, janitor: Mutex::new(Some(task)) };
        Self { shared: Arc::new(shared), ctx: None }
    }

    /// The same pool on behalf of `ctx`: its request id goes into the slow-query log, its trace into the comments. Without
    /// it, [`Context::current`] is asked.
    #[must_use]
    pub fn with(&self, ctx: &Context) -> Self {
        Self { shared: Arc::clone(&self.shared), ctx: Some(ctx.clone()) }
    }

    /// Which database answers.
    pub fn backend(&self) -> Backend {
        self.core().opener.target().backend()
    }

    /// The settings the pool was made with.
    pub fn settings(&self) -> &DatabaseSettings {
        &self.core().settings
    }

    /// What the pool did and does.
    pub fn stats(&self) -> PoolStats {
        self.core().stats()
    }

    /// Says how the database is doing; see [`PoolControl::health`](crate::PoolControl::health).
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn health(&self, within: Duration) -> DatabaseHealth {
        health::check(self.core(), within).await
    }

    /// Lets nobody in any more and closes everything; see [`PoolControl::close`](crate::PoolControl::close).
    ///
    /// # Cancel safety
    /// Cancel-safe: the pool stays closed.
    pub async fn close(&self, within: Duration) -> CloseOutcome {
        let core = self.core();
        core.shut();
        let all = futures_util::future::join(core.side.close(), core.open.none());
        let late = tokio::time::timeout(within, all).await.is_err();
        match core.open.get() {
            still_in_use @ 1.. if late => return CloseOutcome::TimedOut { still_in_use },
            _ => {}
        }
        let janitor = self.shared.janitor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(janitor) = janitor {
            // Every connection is closed, so there is nothing left for it to do.
            janitor.abort();
            drop(janitor.await);
        }
        CloseOutcome::Drained
    }

    #[cfg(feature = "stream")]
    pub(crate) fn context(&self) -> Option<&Context> {
        self.ctx.as_ref()
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.shared.core
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("backend", &self.backend())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
