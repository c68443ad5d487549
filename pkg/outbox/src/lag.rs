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

const POSTGRES: &str = "SELECT l.waiting, h.waiting, greatest(l.oldest_ms, h.oldest_ms), h.blocked, h.quarantined \
    FROM underpin_outbox_lag(313) l CROSS JOIN (\
        SELECT (SELECT count(*) FROM (SELECT 1 FROM underpin_outbox_held WHERE quarantined_at IS NULL LIMIT 10000) w) \
                AS waiting, \
            (extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE due_at IS NOT NULL)) * 1000)::bigint \
                AS oldest_ms, \
            count(*) FILTER (WHERE due_at IS NOT NULL) AS blocked, \
            count(*) FILTER (WHERE quarantined_at IS NOT NULL) AS quarantined \
        FROM underpin_outbox_held WHERE due_at IS NOT NULL OR quarantined_at IS NOT NULL) h";

const SQLITE: &str = "SELECT \
    (SELECT count(*) FROM (SELECT 1 FROM underpin_outbox LIMIT 10016)), \
    (SELECT count(*) FROM (SELECT 1 FROM underpin_outbox_held WHERE quarantined_at IS NULL LIMIT 10000)), \
    CAST(unixepoch('subsec') * 1000 AS INTEGER) - min(\
        coalesce((SELECT created_at FROM underpin_outbox ORDER BY id LIMIT 1), 9223372036854775807), \
        coalesce((SELECT min(created_at) FROM underpin_outbox_held WHERE due_at IS NOT NULL), 9223372036854775807)), \
    (SELECT count(*) FROM underpin_outbox_held WHERE due_at IS NOT NULL), \
    (SELECT count(*) FROM underpin_outbox_held WHERE quarantined_at IS NOT NULL)";

/// Reads the lag from the tables.
pub(crate) async fn read(database: &dyn Executor) -> Result<OutboxLag, DatabaseError> {
    let text = if database.backend() == Backend::Postgres { POSTGRES } else { SQLITE };
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
