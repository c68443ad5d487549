use std::time::Duration;

use crate::{
    Backend, Condition, DatabaseError,
    error::Stage,
    pool::{Access, ConnectionState, Lease},
};

/// The connection of a session and what is open on it.
pub(crate) struct SessionState {
    pub(crate) lease: Lease,
    /// The open transactions, outermost first; all but the first are savepoints.
    pub(super) open: Vec<OpenTransaction>,
    /// The transaction that was committed last.
    pub(super) committed: Option<TxId>,
    /// The first failure since BEGIN that decides whether the whole transaction can run again.
    pub(super) failure: Option<Condition>,
}

/// Names one transaction of a session; never used twice, unlike its depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TxId(pub(super) u64);

pub(super) struct OpenTransaction {
    pub(super) id: TxId,
    /// How long a reply was waited for when it began.
    pub(super) limit: Option<Duration>,
}

impl SessionState {
    pub(super) fn depth_of(&self, id: TxId) -> Option<usize> {
        self.open.iter().position(|open| open.id == id)
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.lease.state().transaction() == Some(Access::ReadOnly)
    }

    /// A statement was dropped before its reply was read.
    pub(super) fn is_in_flight(&self) -> bool {
        matches!(self.lease.state(), ConnectionState::InFlight { .. })
    }

    /// Classifies the outcome of a statement, and remembers what it means for the transaction around it.
    pub(crate) fn classify<T>(&mut self, result: sqlx::Result<T>) -> Result<T, DatabaseError> {
        let stage = if self.open.is_empty() { Stage::Statement } else { Stage::InTransaction };
        result.map_err(|error| {
            let mut failed = DatabaseError::sqlx(error, stage);
            if self.is_read_only() && failed.sql_code().as_deref() == Some("25006") {
                // The transaction was opened read-only: the statement is wrong, not the server.
                failed = failed.reclassified(Condition::Statement);
            }
            if stage == Stage::InTransaction && self.failure.is_none() {
                self.failure = Some(failed.condition());
            }
            failed
        })
    }

    /// Rolls back the transaction at this depth and what is nested in it.
    pub(super) async fn roll_back_to(&mut self, backend: Backend, depth: usize) -> Result<(), DatabaseError> {
        if depth == 0 {
            self.open.clear();
            // `reset` also waits for a statement that was dropped half-way.
            let result = match (self.is_in_flight(), backend, self.is_read_only()) {
                (true, _, _) | (_, Backend::Sqlite, true) => self.lease.reset().await,
                (false, _, _) => self.lease.transact("ROLLBACK", None).await,
            };
            return result.map_err(|error| DatabaseError::sqlx(error, Stage::InTransaction));
        }
        if self.is_in_flight() {
            return Ok(());
        }
        let sql = format!("ROLLBACK TO SAVEPOINT up_{depth}; RELEASE SAVEPOINT up_{depth}");
        let result = self.lease.batch(&sql).await;
        let limit = self.open.get(depth).and_then(|savepoint| savepoint.limit);
        self.open.truncate(depth);
        result.map_err(|error| DatabaseError::sqlx(error, Stage::InTransaction))?;
        // What was changed and what went wrong inside of the savepoint is undone with it.
        self.lease.restore_limit(limit);
        self.failure = None;
        Ok(())
    }
}
