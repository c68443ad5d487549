//! BEGIN, COMMIT, ROLLBACK and their savepoints on the connection of a session.

use super::{
    inner::{SessionInner, finished},
    state::{OpenTransaction, TxId},
};
use crate::{Backend, Condition, DatabaseError, TxOptions, error::Stage, pool::Access};

impl SessionInner {
    /// BEGIN, or SAVEPOINT inside of a transaction.
    ///
    /// Cancel-safe: while BEGIN is in flight the state of the connection is unknown, and the pool rolls back what it finds.
    pub(crate) async fn begin(&self, owner: Option<TxId>, options: TxOptions) -> Result<TxId, DatabaseError> {
        let mut state = self.enter(owner).await?;
        let id = self.next_id();
        let depth = state.open.len();
        if depth == 0 {
            let sql = options.begin_sql(self.backend());
            let access = if options.is_read_only() { Access::ReadOnly } else { Access::ReadWrite };
            if access == Access::ReadWrite {
                state.lease.acquire_writer().await;
            }
            state
                .lease
                .transact(&sql, Some(access))
                .await
                .map_err(|error| DatabaseError::sqlx(error, Stage::Before))?;
            state.failure = None;
        } else {
            let result = state.lease.batch(&format!("SAVEPOINT up_{depth}")).await;
            state.classify(result)?;
        }
        let limit = state.lease.limit();
        state.open.push(OpenTransaction { id, limit });
        Ok(id)
    }

    pub(crate) async fn commit(&self, id: TxId) -> Result<(), DatabaseError> {
        let mut state = match self.enter(Some(id)).await {
            // By the closure of `transaction`, through the handle it was lent.
            Err(_finished) if self.lock().await.committed == Some(id) => return Ok(()),
            entered => entered?,
        };
        if state.open.last().is_none_or(|last| last.id != id) {
            return Err(DatabaseError::said(
                Condition::TransactionAborted,
                "a transaction nested in this one is still open",
            ));
        }
        let depth = state.open.len() - 1;
        if depth > 0 {
            let result = state.lease.batch(&format!("RELEASE SAVEPOINT up_{depth}")).await;
            state.classify(result)?;
            state.open.pop();
            return Ok(());
        }
        let sql = match (self.backend(), state.is_read_only()) {
            // SAVEPOINT fails where COMMIT would not: in an aborted transaction, which COMMIT quietly rolls back, and
            // outside of one, when a raw statement has ended it. One message, one round trip.
            (Backend::Postgres, _) => "SAVEPOINT up_commit; COMMIT",
            (Backend::Sqlite, false) => "COMMIT",
            (Backend::Sqlite, true) => "COMMIT; PRAGMA query_only = 0",
        };
        state.open.clear();
        let committed = state.lease.transact(sql, None).await;
        if committed.is_ok() {
            state.committed = Some(id);
        }
        committed.map_err(|error| {
            let failed = DatabaseError::sqlx(error, Stage::Commit);
            match state.failure {
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
        let mut state = self.lock().await;
        let Some(depth) = state.depth_of(id) else {
            return Err(finished());
        };
        state.roll_back_to(self.backend(), depth).await
    }
}
