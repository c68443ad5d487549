/// Which session of a PostgreSQL server a connection leads to: the process and when it began, since process ids are used
/// again.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "no other server has sessions to cancel"))]
pub(crate) struct Identity {
    pid: i32,
    since: String,
}

#[cfg(feature = "postgres")]
mod postgres {
    use sqlx::{Executor as _, PgConnection, Row as _};

    use super::Identity;

    const IDENTIFY: &str = "SELECT pid, backend_start::text FROM pg_stat_get_activity(pg_backend_pid())";

    /// A session that waits for a standby to confirm its COMMIT is left alone: cancelled there, it would be committed here
    /// and lost with this server.
    const CANCEL: &str = "SELECT pg_cancel_backend(pid) FROM pg_stat_get_activity($1)
        WHERE backend_start = $2::timestamptz AND state = 'active' AND wait_event IS DISTINCT FROM 'SyncRep'";

    impl Identity {
        /// `None` where the server does not say, as those do that only speak PostgreSQL's protocol.
        pub(in crate::driver) async fn of(connection: &mut PgConnection) -> sqlx::Result<Option<Self>> {
            match connection.fetch_one(IDENTIFY).await {
                Ok(row) => Ok(Some(Self { pid: row.try_get(0)?, since: row.try_get(1)? })),
                Err(sqlx::Error::Database(_)) => Ok(None),
                Err(error) => Err(error),
            }
        }

        /// Cancels what this session runs, over another connection. Returns whether it ran anything.
        pub(in crate::driver) async fn cancel(&self, over: &mut PgConnection) -> sqlx::Result<bool> {
            let cancel = sqlx::query(CANCEL).bind(self.pid).bind(&self.since).persistent(false);
            Ok(cancel.fetch_optional(over).await?.is_some())
        }
    }
}
