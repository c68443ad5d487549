use std::time::Duration;

use underpin_database::{Backend, DatabaseError, Executor, sql};

/// How far an outbox is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxLag {
    /// Events that wait to be published, held ones included. Counted up to about 10,000, so that asking stays cheap.
    pub waiting: u64,
    /// The age of the oldest of them; zero when there are none.
    pub oldest: Duration,
    /// Keys whose first event failed and is retried later.
    pub blocked_keys: u64,
    /// Events in quarantine.
    pub quarantined: u64,
}

/// Reads the lag from the tables.
pub(crate) async fn read(database: &dyn Executor) -> Result<OutboxLag, DatabaseError> {
    let text = match database.backend() {
        Backend::Postgres => include_str!("sql/lag.postgres.sql"),
        _ => include_str!("sql/lag.sqlite.sql"),
    };
    let Some(row) = database.query_one(sql(text, [])).await? else { return Ok(OutboxLag::default()) };
    let count = |column| -> Result<u64, DatabaseError> {
        Ok(u64::try_from(row.try_get_by_index::<Option<i64>>(column)?.unwrap_or(0)).unwrap_or(0))
    };
    Ok(OutboxLag {
        waiting: count(0)? + count(1)?,
        oldest: Duration::from_millis(count(2)?),
        blocked_keys: count(3)?,
        quarantined: count(4)?,
    })
}
