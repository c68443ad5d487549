use std::{
    sync::{
        Arc, Mutex as SyncMutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::{ExecResult, Statement};
use tokio::sync::{Mutex, MutexGuard};
use underpin_logger::Context;

use super::state::{SessionState, TxId};
use crate::{
    Backend, Condition, DatabaseError,
    driver::Query,
    error::{Stage, batch_failed},
    pool::{ConnectionState, Disposition, Lease, PoolState, Scope, note_session_state, prepare},
    slow_query::QueryTimer,
    spans,
};

/// The shared half of [`Session`](crate::Session) and [`Transaction`](crate::Transaction).
pub(crate) struct SessionInner {
    pool: Arc<PoolState>,
    state: Mutex<SessionState>,
    /// Transactions whose handles were dropped unfinished.
    abandoned: SyncMutex<Vec<TxId>>,
    next_id: AtomicU64,
    ctx: Option<Context>,
}

impl SessionInner {
    pub(crate) fn new(pool: Arc<PoolState>, lease: Lease, ctx: Option<Context>) -> Arc<Self> {
        let state = SessionState { lease, open: Vec::new(), committed: None, failure: None };
        Arc::new(Self {
            pool,
            state: Mutex::new(state),
            abandoned: SyncMutex::default(),
            next_id: AtomicU64::new(0),
            ctx,
        })
    }

    pub(crate) fn backend(&self) -> Backend {
        self.pool.opener.target().backend()
    }

    pub(crate) fn pool(&self) -> &Arc<PoolState> {
        &self.pool
    }

    pub(crate) fn context(&self) -> Option<&Context> {
        self.ctx.as_ref()
    }

    pub(crate) async fn run<Q: Query>(
        &self,
        owner: Option<TxId>,
        ctx: Option<&Context>,
        statement: Statement,
    ) -> Result<Q::Reply, DatabaseError> {
        let mut span = spans::statement(ctx, self.backend(), &statement.sql);
        let call = prepare(&self.pool, span.ctx(), statement);
        let mut state = self.enter(owner).await?;
        let timer = QueryTimer::start();
        note_session_state(&self.pool, &mut state.lease, &call.sql);
        let result = state.lease.run::<Q>(&call, timer.started_at()).await;
        let rows = result.as_ref().ok().map(Q::rows);
        timer.stop().log_statement(&self.pool, span.ctx(), &call, rows);
        let result = state.classify(result);
        spans::ended(&mut span, &result, rows);
        result
    }

    pub(crate) async fn batch(
        &self,
        owner: Option<TxId>,
        ctx: Option<&Context>,
        sql: &str,
    ) -> Result<ExecResult, DatabaseError> {
        let mut span = spans::statement(ctx, self.backend(), sql);
        let mut state = self.enter(owner).await?;
        let timer = QueryTimer::start();
        note_session_state(&self.pool, &mut state.lease, sql);
        let result = state.lease.batch(sql).await;
        let rows = result.as_ref().ok().map(ExecResult::rows_affected);
        timer.stop().log_batch(&self.pool, span.ctx(), sql, rows);
        let is_alone = state.open.is_empty();
        let result = state.classify(result);
        let result =
            if is_alone { result.map_err(|error| batch_failed(error, self.backend(), sql)) } else { result };
        spans::ended(&mut span, &result, rows);
        result
    }

    /// Changes the server's limit on a statement, for the rest of the transaction or of the session.
    pub(crate) async fn set_statement_timeout(
        &self,
        owner: Option<TxId>,
        limit: Duration,
    ) -> Result<(), DatabaseError> {
        if self.backend() != Backend::Postgres {
            return Err(DatabaseError::said(
                Condition::Unsupported,
                "this database has no statement timeout",
            ));
        }
        let (name, scope) =
            if owner.is_some() { ("LOCAL", Scope::Transaction) } else { ("SESSION", Scope::Session) };
        let millis = if limit.is_zero() { 0 } else { limit.as_millis().max(1) };
        self.batch(owner, self.context(), &format!("SET {name} statement_timeout = {millis}")).await?;
        self.state.lock().await.lease.set_statement_timeout(limit, scope);
        Ok(())
    }

    /// Notes that the handle of a transaction was dropped before its end.
    pub(crate) fn abandon(&self, id: TxId) {
        self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }

    pub(super) fn next_id(&self) -> TxId {
        TxId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) async fn lock(&self) -> MutexGuard<'_, SessionState> {
        self.state.lock().await
    }

    /// What happened in the transaction so far that decides whether the whole of it can run again.
    pub(crate) async fn failure(&self) -> Option<Condition> {
        self.state.lock().await.failure
    }

    /// Sets what happens to the connection in the end at least. A database in memory keeps its one connection.
    pub(crate) async fn set_disposition(&self, at_least: Disposition) {
        if !self.pool.is_memory() {
            self.state.lock().await.lease.set_disposition(at_least);
        }
    }

    /// Waits for the connection, rolls back abandoned transactions, and checks that `owner` may still use it.
    pub(crate) async fn enter(
        &self,
        owner: Option<TxId>,
    ) -> Result<MutexGuard<'_, SessionState>, DatabaseError> {
        let mut state = self.state.lock().await;
        if self.has_abandoned() {
            // Boxed because it is rare, and part of every statement's future.
            Box::pin(self.roll_back_abandoned(&mut state)).await?;
        }
        if let Some(owner) = owner
            && state.depth_of(owner).is_none()
        {
            return Err(finished());
        }
        let is_alone = state.open.is_empty();
        match state.lease.state() {
            ConnectionState::Ready => {}
            ConnectionState::InTransaction { .. } if !is_alone => {}
            ConnectionState::Broken => {
                let lost = if is_alone { Condition::Unreachable } else { Condition::Interrupted };
                return Err(DatabaseError::new(lost));
            }
            ConnectionState::InFlight { .. } if !is_alone => {
                state.failure.get_or_insert(Condition::TransactionAborted);
                return Err(DatabaseError::said(
                    Condition::TransactionAborted,
                    "a statement of the transaction was dropped before it finished",
                ));
            }
            // A dropped statement, or a COMMIT that failed and may have left its transaction open.
            ConnectionState::InFlight { .. } | ConnectionState::InTransaction { .. } => {
                let reset = Box::pin(state.lease.reset()).await;
                reset.map_err(|error| DatabaseError::sqlx(error, Stage::Before))?;
            }
        }
        Ok(state)
    }

    fn has_abandoned(&self) -> bool {
        !self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    async fn roll_back_abandoned(&self, state: &mut SessionState) -> Result<(), DatabaseError> {
        loop {
            let abandoned = self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).first().copied();
            let Some(id) = abandoned else { return Ok(()) };
            if let Some(depth) = state.depth_of(id) {
                state.roll_back_to(self.backend(), depth).await?;
            }
            self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != id);
        }
    }
}

pub(super) fn finished() -> DatabaseError {
    DatabaseError::said(Condition::TransactionAborted, "the transaction is already finished")
}
