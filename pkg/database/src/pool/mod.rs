//! The pool: one round trip a query, and no seat ever lost.

mod core;
mod health;
mod janitor;
mod lease;
mod open;
mod slot;
mod stats;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sea_orm::{ExecResult, QueryResult, Statement};
use tokio::{sync::mpsc, task::JoinHandle};
use underpin_logger::{Context, Logger};

pub(crate) use self::{
    core::Core,
    lease::{Lease, Open},
    open::Opener,
};
pub use health::DatabaseHealth;
pub use stats::{PoolStats, WaitHistogram};

use crate::{
    Backend, DatabaseError, DatabaseSettings, Session, Transaction, TxOptions,
    driver::{Call, Connection, Target},
    error::Stage,
    line::Line,
    settings::{Route, TraceComment},
    slow::Watch,
    transaction,
};

/// Connections to one database, shared by everyone who clones the handle.
///
/// A statement takes a connection, pays one round trip and gives it back: no question on the way out unless the
/// connection was unused for a while, none on the way in. Callers are served in the order of asking, and give up at
/// `acquire_timeout`.
///
/// It implements sea-orm's `ConnectionTrait` and `TransactionTrait`, so entities run on it unchanged, and
/// [`Database`](crate::Database) for those who want a trait object.
///
/// Dropping the last handle closes the connections without waiting; [`Database::close`](crate::Database::close) waits.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
    /// Whose work it is; the task-local context when nobody said.
    ctx: Option<Context>,
}

struct Shared {
    core: Arc<Core>,
    probe: health::Probe,
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
        target: Target,
        first: Connection,
        log: Arc<dyn Logger>,
    ) -> Self {
        let (janitor, jobs) = mpsc::unbounded_channel();
        let core = Arc::new(Core::new(settings, Opener::new(target), log, janitor));
        core.put_idle(core.adopt(first));
        let task = tokio::spawn(janitor::run(Arc::downgrade(&core), jobs, janitor::rounds(&core)));
        let shared = Shared { core, probe: health::Probe::default(), janitor: Mutex::new(Some(task)) };
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
        let core = self.core();
        PoolStats {
            max_open: core.max_open,
            open: core.open.get(),
            idle: core.idle_count(),
            in_use: (core.max_open as usize).saturating_sub(core.seats.available_permits()),
            ..core.counters.snapshot()
        }
    }

    /// Runs a statement and says what it changed.
    ///
    /// # Errors
    /// [`DatabaseError`], classified; see [`Condition`](crate::Condition).
    ///
    /// # Cancel safety
    /// The statement may run to its end at the server; the pool waits for that before it lends the connection again.
    pub async fn execute(&self, statement: Statement) -> Result<ExecResult, DatabaseError> {
        let (call, (mut lease, waited)) = (self.call(statement), self.core().acquire().await?);
        let watch = Watch::start(waited);
        let result = lease.execute(&call).await;
        self.mark_session_state(&mut lease, &call.sql);
        drop(lease);
        let rows = result.as_ref().ok().map(ExecResult::rows_affected);
        watch.statement(self.core(), self.ctx.as_ref(), &call, rows);
        result.map_err(statement_failed)
    }

    /// Runs a query and returns its first row.
    ///
    /// # Errors
    /// [`DatabaseError`], classified. No row is `None`, not an error.
    ///
    /// # Cancel safety
    /// As for [`execute`](Self::execute).
    pub async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DatabaseError> {
        let (call, (mut lease, waited)) = (self.call(statement), self.core().acquire().await?);
        let watch = Watch::start(waited);
        let result = lease.query_one(&call).await;
        drop(lease);
        let rows = result.as_ref().ok().map(|row| u64::from(row.is_some()));
        watch.statement(self.core(), self.ctx.as_ref(), &call, rows);
        result.map_err(statement_failed)
    }

    /// Runs a query and returns all its rows.
    ///
    /// # Errors
    /// [`DatabaseError`], classified.
    ///
    /// # Cancel safety
    /// As for [`execute`](Self::execute).
    pub async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DatabaseError> {
        let (call, (mut lease, waited)) = (self.call(statement), self.core().acquire().await?);
        let watch = Watch::start(waited);
        let result = lease.query_all(&call).await;
        drop(lease);
        let rows = result.as_ref().ok().map(|rows| rows.len() as u64);
        watch.statement(self.core(), self.ctx.as_ref(), &call, rows);
        result.map_err(statement_failed)
    }

    /// Runs one or several statements without binds, separated by semicolons, in one round trip.
    ///
    /// # Errors
    /// [`DatabaseError`], classified. PostgreSQL runs the whole as one transaction, SQLite statement by statement.
    ///
    /// # Cancel safety
    /// As for [`execute`](Self::execute).
    pub async fn batch(&self, sql: &str) -> Result<ExecResult, DatabaseError> {
        let (mut lease, waited) = self.core().acquire().await?;
        let watch = Watch::start(waited);
        let result = lease.batch(sql).await;
        self.mark_session_state(&mut lease, sql);
        drop(lease);
        let rows = result.as_ref().ok().map(ExecResult::rows_affected);
        watch.text(self.core(), self.ctx.as_ref(), sql, rows);
        result.map_err(statement_failed)
    }

    /// Takes one connection for a unit of work; see [`Database::session`](crate::Database::session).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn session(&self) -> Result<Session, DatabaseError> {
        let (lease, _waited) = self.core().acquire().await?;
        Ok(Session::new(Line::new(Arc::clone(self.core()), lease, self.ctx.clone())))
    }

    /// Opens a transaction; see [`Database::begin`](crate::Database::begin).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn begin(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        let (lease, _waited) = self.core().acquire().await?;
        Transaction::begin(Line::new(Arc::clone(self.core()), lease, self.ctx.clone()), None, options).await
    }

    /// Runs `work` in a transaction and commits it, again from the start where that is known to do no harm; see
    /// [`DatabaseExt::transaction`](crate::DatabaseExt::transaction).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn transaction<T, E, F, Fut>(&self, options: TxOptions, work: F) -> Result<T, E>
    where
        E: From<DatabaseError> + Send,
        T: Send,
        F: FnMut(Transaction) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        transaction::run(self, options, work).await
    }

    /// Says how the database is doing; see [`Database::health`](crate::Database::health).
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn health(&self, within: Duration) -> DatabaseHealth {
        self.shared.probe.check(self.core(), within).await
    }

    /// Lets nobody in any more and closes everything; see [`Database::close`](crate::Database::close).
    ///
    /// # Cancel safety
    /// Cancel-safe: the pool stays closed.
    pub async fn close(&self, within: Duration) -> CloseOutcome {
        let core = self.core();
        core.shut();
        let drained = tokio::time::timeout(within, async {
            self.shared.probe.close().await;
            core.open.none().await;
        });
        if drained.await.is_err() {
            return CloseOutcome::TimedOut { still_in_use: core.open.get() };
        }
        let janitor = self.shared.janitor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(janitor) = janitor {
            // Every connection is closed, so there is nothing left for it to do.
            janitor.abort();
            drop(janitor.await);
        }
        CloseOutcome::Drained
    }

    pub(crate) async fn open(&self, options: TxOptions) -> Result<Transaction, DatabaseError> {
        self.begin(options).await
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.shared.core
    }

    fn mark_session_state(&self, lease: &mut Lease, sql: &str) {
        if leaves_session_state(sql) && !self.core().opener.target().is_memory() {
            lease.mark(true);
        }
    }

    pub(crate) fn call(&self, statement: Statement) -> Call {
        make_call(self.core(), self.ctx.as_ref(), statement)
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

/// A statement as the settings want it sent.
pub(crate) fn make_call(core: &Core, ctx: Option<&Context>, statement: Statement) -> Call {
    let call = Call::new(statement, core.settings.route == Route::Direct);
    if core.settings.trace_comment == TraceComment::Off {
        return call;
    }
    let current = ctx.cloned().unwrap_or_else(Context::current);
    match current.traceparent() {
        Some(traceparent) => call.with_comment(&format!("traceparent='{traceparent}'")),
        None => call,
    }
}

fn statement_failed(error: sqlx::Error) -> DatabaseError {
    DatabaseError::sqlx(error, Stage::Statement)
}

/// Whether a text may leave behind what belongs to a session (an open transaction, a setting, a subscription). The
/// connection is then closed instead of lent to the next caller.
pub(crate) fn leaves_session_state(sql: &str) -> bool {
    const WORDS: [&str; 10] =
        ["begin", "start", "set", "listen", "prepare", "declare", "lock", "savepoint", "load", "attach"];
    const TRANSACTION_ONLY: [&str; 3] = ["local", "transaction", "constraints"];
    let is_one_of = |word: &str, known: &[&str]| known.iter().any(|known| word.eq_ignore_ascii_case(known));
    sql.split(';').any(|statement| {
        let mut words = statement.split_whitespace();
        let word = words.next().unwrap_or_default();
        let ends_with_the_transaction = word.eq_ignore_ascii_case("set")
            && words.next().is_some_and(|next| is_one_of(next, &TRANSACTION_ONLY));
        is_one_of(word, &WORDS) && !ends_with_the_transaction
    })
}

#[cfg(test)]
mod tests {
    use super::leaves_session_state;

    #[test]
    fn what_belongs_to_a_session_is_recognised() {
        for sql in ["BEGIN", " set search_path = x", "SELECT 1; Listen a", "\nstart transaction;"] {
            assert!(leaves_session_state(sql), "{sql}");
        }
        for sql in [
            "SELECT 1",
            "SET LOCAL statement_timeout = 0",
            "INSERT INTO settings VALUES (1)",
            "CREATE TABLE beginners (id int)",
            "",
        ] {
            assert!(!leaves_session_state(sql), "{sql}");
        }
    }
}
