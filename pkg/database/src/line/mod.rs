//! One connection and the transactions open on it, shared by the handles that use it.

mod held;

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

use held::{Held, OpenTx};

use crate::{
    Backend, Condition, DatabaseError, TxOptions,
    driver::{Ask, Call},
    error::{Stage, batch_failed},
    pool::{Core, Lease, Open, Scope, make_call},
    slow::Watch,
};

/// The shared half of [`Session`](crate::Session) and [`Transaction`](crate::Transaction).
///
/// Nothing here runs in `Drop`: a transaction dropped unfinished is noted, and rolled back before the next statement, or
/// by the pool when the connection comes back.
pub(crate) struct Line {
    core: Arc<Core>,
    held: Mutex<Held>,
    /// Transactions whose handles were dropped unfinished.
    abandoned: SyncMutex<Vec<TxId>>,
    next_id: AtomicU64,
    ctx: Option<Context>,
}

/// Names one transaction of a line for ever, since depths are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TxId(u64);

impl Line {
    pub(crate) fn new(core: Arc<Core>, lease: Lease, ctx: Option<Context>) -> Arc<Self> {
        let held = Held { lease, open: Vec::new(), committed: None, failure: None };
        Arc::new(Self {
            core,
            held: Mutex::new(held),
            abandoned: SyncMutex::default(),
            next_id: AtomicU64::new(0),
            ctx,
        })
    }

    pub(crate) fn backend(&self) -> Backend {
        self.core.opener.target().backend()
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    #[cfg(feature = "stream")]
    pub(crate) fn context(&self) -> Option<&Context> {
        self.ctx.as_ref()
    }

    pub(crate) fn call(&self, statement: Statement) -> Call {
        make_call(&self.core, self.ctx.as_ref(), statement)
    }

    pub(crate) async fn ask<A: Ask>(
        &self,
        owner: Option<TxId>,
        statement: Statement,
    ) -> Result<A::Answer, DatabaseError> {
        let (call, mut held) = (self.call(statement), self.enter(owner).await?);
        let watch = Watch::start();
        held.note_session_state(&self.core, &call.sql);
        let result = held.lease.ask::<A>(&call, watch.started()).await;
        watch.stop().statement(&self.core, self.ctx.as_ref(), &call, result.as_ref().ok().map(A::rows));
        held.judge(result)
    }

    pub(crate) async fn batch(&self, owner: Option<TxId>, sql: &str) -> Result<ExecResult, DatabaseError> {
        let mut held = self.enter(owner).await?;
        let watch = Watch::start();
        held.note_session_state(&self.core, sql);
        let result = held.lease.batch(sql).await;
        let rows = result.as_ref().ok().map(ExecResult::rows_affected);
        watch.stop().text(&self.core, self.ctx.as_ref(), sql, rows);
        let alone = held.open.is_empty();
        let result = held.judge(result);
        if alone { result.map_err(|error| batch_failed(error, self.backend(), sql)) } else { result }
    }

    /// BEGIN, or SAVEPOINT inside of a transaction.
    ///
    /// Cancel-safe: while BEGIN is under way the connection counts as one of unknown state, and the pool rolls back
    /// whatever it finds.
    pub(crate) async fn begin(&self, owner: Option<TxId>, options: TxOptions) -> Result<TxId, DatabaseError> {
        let mut held = self.enter(owner).await?;
        let id = TxId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let depth = held.open.len();
        if depth == 0 {
            let sql = options.begin_sql(self.backend());
            let open = if options.is_read_only() { Open::ReadOnly } else { Open::ReadWrite };
            if open == Open::ReadWrite {
                held.lease.take_turn().await;
            }
            held.lease
                .transact(&sql, open)
                .await
                .map_err(|error| DatabaseError::sqlx(error, Stage::Before))?;
            held.failure = None;
        } else {
            let result = held.lease.batch(&format!("SAVEPOINT up_{depth}")).await;
            held.judge(result)?;
        }
        let limit = held.lease.limit();
        held.open.push(OpenTx { id, limit });
        Ok(id)
    }

    pub(crate) async fn commit(&self, id: TxId) -> Result<(), DatabaseError> {
        let mut held = match self.enter(Some(id)).await {
            // By the closure of `transaction`, through the handle it was lent.
            Err(_finished) if self.held.lock().await.committed == Some(id) => return Ok(()),
            entered => entered?,
        };
        if held.open.last().is_none_or(|last| last.id != id) {
            return Err(DatabaseError::said(
                Condition::TransactionAborted,
                "a transaction nested in this one is still open",
            ));
        }
        let depth = held.open.len() - 1;
        if depth > 0 {
            let result = held.lease.batch(&format!("RELEASE SAVEPOINT up_{depth}")).await;
            held.judge(result)?;
            held.open.pop();
            return Ok(());
        }
        let sql = match (self.backend(), held.lease.is_read_only()) {
            // SAVEPOINT fails where COMMIT would not: in an aborted transaction, which COMMIT quietly rolls back, and
            // outside of one, when a raw statement has ended it. One message, one round trip.
            (Backend::Postgres, _) => "SAVEPOINT up_commit; COMMIT",
            (Backend::Sqlite, false) => "COMMIT",
            (Backend::Sqlite, true) => "COMMIT; PRAGMA query_only = 0",
        };
        held.open.clear();
        let committed = held.lease.transact(sql, Open::Nothing).await;
        if committed.is_ok() {
            held.committed = Some(id);
        }
        committed.map_err(|error| {
            let failed = DatabaseError::sqlx(error, Stage::Commit);
            match held.failure {
                // The failure that aborted it says that the whole can run again.
                Some(first)
                    if failed.condition() == Condition::TransactionAborted && first.is_retryable() =>
                {
                    DatabaseError::because(first, Condition::TransactionAborted.sentence(), failed)
                }
                _ => failed,
            }
        })
    }

    pub(crate) async fn rollback(&self, id: TxId) -> Result<(), DatabaseError> {
        let mut held = self.held.lock().await;
        let held = &mut *held;
        let Some(depth) = held.depth_of(id) else {
            return Err(finished());
        };
        self.roll_back_to(held, depth).await
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
        self.batch(owner, &format!("SET {name} statement_timeout = {millis}")).await?;
        self.held.lock().await.lease.set_statement_timeout(limit, scope);
        Ok(())
    }

    /// Notes that the handle of a transaction was dropped before its end.
    pub(crate) fn abandon(&self, id: TxId) {
        self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }

    /// What happened in the transaction so far that decides whether the whole of it can run again.
    pub(crate) async fn failure(&self) -> Option<Condition> {
        self.held.lock().await.failure
    }

    /// Whether the connection is closed in the end instead of going back to the pool.
    pub(crate) async fn mark(&self, marked: bool) {
        if !self.core.opener.target().is_memory() {
            self.held.lock().await.lease.mark(marked);
        }
    }

    /// Waits for the connection, rolls back what was abandoned, and checks that `owner` may still use it.
    pub(crate) async fn enter(&self, owner: Option<TxId>) -> Result<MutexGuard<'_, Held>, DatabaseError> {
        let mut held = self.held.lock().await;
        if self.has_abandoned() {
            // Boxed because it is rare, and part of every statement's future.
            Box::pin(self.roll_back_abandoned(&mut held)).await?;
        }
        if let Some(owner) = owner
            && held.depth_of(owner).is_none()
        {
            return Err(finished());
        }
        if held.lease.is_spoilt() {
            let lost = if held.open.is_empty() { Condition::Unreachable } else { Condition::Interrupted };
            return Err(DatabaseError::new(lost));
        }
        // A COMMIT that failed may have left the transaction open, with nobody who knows of it.
        let left_open = held.open.is_empty() && held.lease.is_in_transaction();
        if held.lease.is_busy() || left_open {
            if !held.open.is_empty() {
                held.failure.get_or_insert(Condition::TransactionAborted);
                return Err(DatabaseError::said(
                    Condition::TransactionAborted,
                    "a statement of the transaction was dropped before it finished",
                ));
            }
            let settled = Box::pin(held.lease.settle()).await;
            settled.map_err(|error| DatabaseError::sqlx(error, Stage::Before))?;
        }
        Ok(held)
    }

    fn has_abandoned(&self) -> bool {
        !self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    async fn roll_back_abandoned(&self, held: &mut Held) -> Result<(), DatabaseError> {
        loop {
            let abandoned = self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).first().copied();
            let Some(id) = abandoned else { return Ok(()) };
            if let Some(depth) = held.depth_of(id) {
                self.roll_back_to(held, depth).await?;
            }
            self.abandoned.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != id);
        }
    }

    async fn roll_back_to(&self, held: &mut Held, depth: usize) -> Result<(), DatabaseError> {
        if depth == 0 {
            held.open.clear();
            // `settle` also waits for a statement that was dropped half-way.
            let result = match (held.lease.is_busy(), self.backend(), held.lease.is_read_only()) {
                (true, _, _) | (_, Backend::Sqlite, true) => held.lease.settle().await,
                (false, _, _) => held.lease.transact("ROLLBACK", Open::Nothing).await,
            };
            return result.map_err(|error| DatabaseError::sqlx(error, Stage::InTransaction));
        }
        if held.lease.is_busy() {
            return Ok(());
        }
        let sql = format!("ROLLBACK TO SAVEPOINT up_{depth}; RELEASE SAVEPOINT up_{depth}");
        let result = held.lease.batch(&sql).await;
        let limit = held.open.get(depth).and_then(|savepoint| savepoint.limit);
        held.open.truncate(depth);
        result.map_err(|error| DatabaseError::sqlx(error, Stage::InTransaction))?;
        // What was changed and what went wrong inside of the savepoint is undone with it.
        held.lease.restore_limit(limit);
        held.failure = None;
        Ok(())
    }
}

fn finished() -> DatabaseError {
    DatabaseError::said(Condition::TransactionAborted, "the transaction is already finished")
}
