use std::time::Duration;

use super::TxId;
use crate::{
    Condition, DatabaseError,
    error::Stage,
    pool::{Core, Lease, leaves_session_state},
};

/// The connection of a line, while somebody uses it.
pub(crate) struct Held {
    pub(super) lease: Lease,
    /// The open transactions, outermost first; all but the first are savepoints.
    pub(super) open: Vec<OpenTx>,
    /// The transaction that was committed last.
    pub(super) committed: Option<TxId>,
    /// The first failure since BEGIN that decides what may be done with the whole transaction.
    pub(super) failure: Option<Condition>,
}

/// An open transaction.
pub(super) struct OpenTx {
    pub(super) id: TxId,
    /// How long an answer was waited for when it began.
    pub(super) limit: Option<Duration>,
}

impl Held {
    pub(super) fn depth_of(&self, id: TxId) -> Option<usize> {
        self.open.iter().position(|open| open.id == id)
    }

    #[cfg(feature = "stream")]
    pub(crate) fn lease(&mut self) -> &mut Lease {
        &mut self.lease
    }

    /// Classifies the outcome of a statement, and remembers what it means for the transaction around it.
    pub(crate) fn judge<T>(&mut self, result: sqlx::Result<T>) -> Result<T, DatabaseError> {
        let stage = if self.open.is_empty() { Stage::Statement } else { Stage::InTransaction };
        result.map_err(|error| {
            let mut failed = DatabaseError::sqlx(error, stage);
            if self.lease.is_read_only() && failed.sql_code().as_deref() == Some("25006") {
                // The transaction was opened read-only: the statement is wrong, not the server.
                failed = failed.reclassified(Condition::Statement);
            }
            if stage == Stage::InTransaction && self.failure.is_none() {
                self.failure = Some(failed.condition());
            }
            failed
        })
    }

    /// Before the statement is sent; see [`Pool::mark_session_state`](crate::Pool::mark_session_state).
    pub(crate) fn note_session_state(&mut self, core: &Core, sql: &str) {
        if leaves_session_state(sql) && !core.opener.target().is_memory() {
            self.lease.mark(true);
        }
    }
}
