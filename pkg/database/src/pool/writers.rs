use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The line of those who want to write to a SQLite file.
///
/// The file has one writer at a time, and SQLite lets those who wait look again after pauses that grow up to 100 ms: under
/// load whoever comes last asks most often and wins, and who has waited for long starves. Within a process they take turns
/// here, in the order of asking. Between processes SQLite's own way holds.
pub(super) struct Writers {
    /// `None` where writers do not stop each other.
    turn: Option<Arc<Semaphore>>,
    patience: Duration,
}

/// Ends when dropped.
pub(super) type Turn = OwnedSemaphorePermit;

impl Writers {
    pub(super) fn new(one_at_a_time: bool, patience: Duration) -> Self {
        Self { turn: one_at_a_time.then(|| Arc::new(Semaphore::new(1))), patience }
    }

    pub(super) fn take_turns(&self) -> bool {
        self.turn.is_some()
    }

    /// Waits for the turn. Whoever waits in vain goes on without: what SQLite says then is the error.
    pub(super) async fn turn(&self) -> Option<Turn> {
        let turn = Arc::clone(self.turn.as_ref()?).acquire_owned();
        tokio::time::timeout(self.patience, turn).await.ok()?.ok()
    }
}

/// Whether a statement sent alone writes. One that hides it (WITH) waits in SQLite's own way.
pub(super) fn writes(sql: &str) -> bool {
    const WORDS: [&str; 7] = ["insert", "update", "delete", "replace", "create", "alter", "drop"];
    let word =
        sql.trim_start().split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_writes_is_known_by_its_first_word() {
        for sql in
            ["INSERT INTO t VALUES (1)", "\n update\tt SET x = 1", "DELETE FROM t;", "create table t (x)"]
        {
            assert!(writes(sql), "{sql}");
        }
        for sql in ["SELECT 1", "WITH x AS (SELECT 1) SELECT * FROM x", "PRAGMA user_version", "inserted", ""]
        {
            assert!(!writes(sql), "{sql}");
        }
    }
}
