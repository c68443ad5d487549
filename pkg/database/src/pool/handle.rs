use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::task::JoinHandle;
use underpin_errors::{Health, HealthCheck};
use underpin_logger::{Context, Logger};

use super::{
    health::{self, DatabaseHealth},
    lease::{Disposition, Lease},
    maintenance,
    open::Opener,
    retire::RetireSender,
    state::PoolState,
    stats::PoolStats,
};
use crate::{Backend, DatabaseError, DatabaseSettings, driver::Connection, slow_query::QueryTimer};

/// Connections to one database, shared by all clones of the handle.
///
/// A statement acquires a connection, takes one round trip and releases it: no ping on acquire unless the connection was idle
/// for `check_after`, none on release. Callers are served in the order of asking, and give up at `acquire_timeout`.
///
/// It implements sea-orm's `ConnectionTrait` and `TransactionTrait`, so entities run on it unchanged, and
/// [`Executor`](crate::Executor), [`Connections`](crate::Connections) and [`PoolControl`](crate::PoolControl) for trait
/// objects.
///
/// Dropping the last handle closes the connections without waiting; [`close`](Self::close) waits.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
    /// On whose behalf statements run; None means the task-local context.
    ctx: Option<Context>,
    /// What happens at least to the connections that this handle acquires.
    at_least: Disposition,
}

struct Shared {
    state: Arc<PoolState>,
    maintenance: Mutex<Option<JoinHandle<()>>>,
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
        let (sender, retired) = RetireSender::new();
        let state = Arc::new(PoolState::new(settings, opener, log, sender));
        state.put_idle(state.adopt(first), Instant::now());
        let control = Arc::clone(&state.control);
        let task = tokio::spawn(maintenance::run(
            Arc::downgrade(&state),
            control,
            retired,
            maintenance::period(&state),
        ));
        let shared = Shared { state, maintenance: Mutex::new(Some(task)) };
        Self { shared: Arc::new(shared), ctx: None, at_least: Disposition::Reuse }
    }

    /// The same pool on behalf of `ctx`: its request id goes into the slow-query log, its trace into the comments. Without
    /// it, [`Context::current`] is used.
    #[must_use]
    pub fn with(&self, ctx: &Context) -> Self {
        Self { ctx: Some(ctx.clone()), ..self.clone() }
    }

    /// The same pool, but each connection that is acquired through this handle is closed afterwards instead of lent to the
    /// next caller. For statements that leave something in the session where the text does not show it, such as a function
    /// that calls `set_config(.., false)`.
    ///
    /// What the text shows is detected: SET, LISTEN, PREPARE, temporary tables, `set_config(.., false)`, session-level
    /// advisory locks, DO, DISCARD and the like close the connection by themselves. A database in memory has one
    /// connection, which is kept.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// # use underpin_database::{DatabaseError, DatabaseSettings, Executor, connect, sql};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
    /// # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
    /// let rows = pool.discard().query_all(sql("SELECT 1", [])).await?; // its connection is not used again
    /// assert_eq!(rows.len(), 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn discard(&self) -> Self {
        Self { at_least: Disposition::Close, ..self.clone() }
    }

    /// Which database answers.
    pub fn backend(&self) -> Backend {
        self.state().opener.target().backend()
    }

    /// The settings the pool was made with.
    pub fn settings(&self) -> &DatabaseSettings {
        &self.state().settings
    }

    /// Counters and gauges of the pool.
    pub fn stats(&self) -> PoolStats {
        self.state().stats()
    }

    /// Reports the state of the database; see [`PoolControl::health`](crate::PoolControl::health).
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn health(&self, within: Duration) -> DatabaseHealth {
        health::check(self.state(), within).await
    }

    /// Rejects new acquires and closes all connections; see [`PoolControl::close`](crate::PoolControl::close).
    ///
    /// # Cancel safety
    /// Cancel-safe: the pool stays closed.
    pub async fn close(&self, within: Duration) -> CloseOutcome {
        let state = self.state();
        state.shut();
        let all = futures_util::future::join(state.control.close(), state.open.none());
        let is_late = tokio::time::timeout(within, all).await.is_err();
        match state.open.get() {
            still_in_use @ 1.. if is_late => return CloseOutcome::TimedOut { still_in_use },
            _ => {}
        }
        let maintenance = self.shared.maintenance.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(maintenance) = maintenance {
            // Every connection is closed, so there is nothing left for it to do.
            maintenance.abort();
            drop(maintenance.await);
        }
        CloseOutcome::Drained
    }

    pub(crate) fn context(&self) -> Option<&Context> {
        self.ctx.as_ref()
    }

    /// Acquires a connection, which is closed afterwards where this handle wants it.
    pub(crate) async fn acquire(&self) -> Result<(Lease, QueryTimer), DatabaseError> {
        let (mut lease, timer) = self.state().acquire().await?;
        if !self.state().is_memory() {
            lease.set_disposition(self.at_least);
        }
        Ok((lease, timer))
    }

    pub(crate) fn state(&self) -> &Arc<PoolState> {
        &self.shared.state
    }
}

/// Checks within two seconds, under the name `database`. [`Pool::health`] takes another limit.
#[async_trait]
impl HealthCheck for Pool {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "database"
    }

    async fn check(&self) -> Health {
        self.health(Duration::from_secs(2)).await.into()
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
