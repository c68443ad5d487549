use std::time::Duration;

use crate::{Backend, settings::RetrySettings};

/// How a transaction is opened, and how [`DatabaseExt::transaction`](crate::DatabaseExt::transaction) runs it again.
///
/// # Examples
/// ```
/// use underpin_database::{Isolation, TxOptions};
///
/// let report = TxOptions::default().isolation(Isolation::RepeatableRead).read_only();
/// let transfer = TxOptions::serializable();
/// # let _ = (report, transfer);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct TxOptions {
    isolation: Option<Isolation>,
    access: TxAccess,
    retry: RetrySettings,
}

/// What a transaction may see of others. SQLite is always serializable.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// All statements see what was committed before the first.
    RepeatableRead,
    /// As if transactions ran one after the other; some are turned down (and run again) to make it so.
    Serializable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TxAccess {
    ReadWrite,
    ReadOnly,
}

impl TxOptions {
    /// [`Isolation::Serializable`], read and write.
    pub fn serializable() -> Self {
        Self::default().isolation(Isolation::Serializable)
    }

    /// Sets the isolation level; the server's default without it.
    pub fn isolation(self, isolation: Isolation) -> Self {
        Self { isolation: Some(isolation), ..self }
    }

    /// Refuses writes. On SQLite it does not wait for a writer either.
    pub fn read_only(self) -> Self {
        Self { access: TxAccess::ReadOnly, ..self }
    }

    /// Sets how often the closure of [`DatabaseExt::transaction`](crate::DatabaseExt::transaction) runs again, and after
    /// which pauses. `RetrySettings::times(0)` runs it once.
    pub fn retry(self, retry: RetrySettings) -> Self {
        Self { retry, ..self }
    }

    pub(crate) fn retries(&self) -> &RetrySettings {
        &self.retry
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.access == TxAccess::ReadOnly
    }

    /// BEGIN with everything said at once: one round trip.
    pub(crate) fn begin_sql(&self, backend: Backend) -> String {
        match backend {
            Backend::Postgres => {
                let mut sql = "BEGIN".to_owned();
                if let Some(isolation) = self.isolation {
                    sql.push_str(" ISOLATION LEVEL ");
                    sql.push_str(isolation.sql());
                }
                if self.is_read_only() {
                    sql.push_str(" READ ONLY");
                }
                sql
            }
            // A writer takes the lock at once: taken later, at the first write, it can fail with a snapshot that is too
            // old, and waiting does not help then.
            Backend::Sqlite if self.is_read_only() => "BEGIN DEFERRED; PRAGMA query_only = 1".to_owned(),
            Backend::Sqlite => "BEGIN IMMEDIATE".to_owned(),
        }
    }
}

/// The server's isolation, read and write, run again at most 10 times after pauses of up to 5 ms, 10 ms, ... 500 ms.
impl Default for TxOptions {
    fn default() -> Self {
        let retry = RetrySettings {
            max_retries: 10,
            initial: Duration::from_millis(5),
            max: Duration::from_millis(500),
        };
        Self { isolation: None, access: TxAccess::ReadWrite, retry }
    }
}

impl Isolation {
    fn sql(self) -> &'static str {
        match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begin_says_everything_at_once() {
        let options = TxOptions::serializable().read_only();
        assert_eq!(options.begin_sql(Backend::Postgres), "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY");
        assert_eq!(TxOptions::default().begin_sql(Backend::Postgres), "BEGIN");
        assert_eq!(TxOptions::default().begin_sql(Backend::Sqlite), "BEGIN IMMEDIATE");
        assert_eq!(options.begin_sql(Backend::Sqlite), "BEGIN DEFERRED; PRAGMA query_only = 1");
    }
}
