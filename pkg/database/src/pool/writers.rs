use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Admits the writers of a SQLite file one at a time, in the order of asking.
///
/// The file has one writer at a time, and SQLite lets those that wait look again after pauses that grow up to 100 ms: under
/// load the newest writer asks most often and wins, and the oldest starves. This queue orders the writers of one process;
/// between processes SQLite's own busy timeout holds.
pub(super) struct Writers {
    /// `None` where writers do not block each other.
    permit: Option<Arc<Semaphore>>,
    timeout: Duration,
}

/// Ends when dropped.
pub(super) type WriterPermit = OwnedSemaphorePermit;

impl Writers {
    pub(super) fn new(one_at_a_time: bool, timeout: Duration) -> Self {
        Self { permit: one_at_a_time.then(|| Arc::new(Semaphore::new(1))), timeout }
    }

    pub(super) fn is_limited(&self) -> bool {
        self.permit.is_some()
    }

    /// Waits for the permit. After the timeout the writer goes on without: what SQLite says then is the error.
    pub(super) async fn acquire(&self) -> Option<WriterPermit> {
        let permit = Arc::clone(self.permit.as_ref()?).acquire_owned();
        tokio::time::timeout(self.timeout, permit).await.ok()?.ok()
    }
}

/// Whether a statement sent alone writes. One that begins with WITH is not recognised and waits in SQLite.
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
