use std::sync::Arc;

use sea_orm::{ExecResult, QueryResult};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::{Call, Identity};

/// One connection of either backend.
pub(crate) enum Connection {
    #[cfg(feature = "postgres")]
    Postgres {
        conn: sqlx::PgConnection,
        /// Known for the connections of the pool.
        identity: Option<Identity>,
    },
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqliteConnection),
}

macro_rules! on {
    ($connection:expr, $conn:ident => $body:expr) => {
        match $connection {
            #[cfg(feature = "postgres")]
            Connection::Postgres { conn: $conn, .. } => $body,
            #[cfg(feature = "sqlite")]
            Connection::Sqlite($conn) => $body,
        }
    };
}

macro_rules! query {
    ($call:expr) => {
        sqlx::query_with(AssertSqlSafe(Arc::clone(&$call.sql)), $call.values()).persistent($call.persistent)
    };
}

// Every method leaves the connection unfit for anyone else when its future is dropped half-way: the server goes on, and
// what it then says would be taken for the answer to the next statement. `reset` makes it fit again.
impl Connection {
    pub(crate) async fn execute(&mut self, call: &Call) -> sqlx::Result<ExecResult> {
        on!(self, conn => query!(call).execute(conn).await.map(Into::into))
    }

    pub(crate) async fn query_one(&mut self, call: &Call) -> sqlx::Result<Option<QueryResult>> {
        on!(self, conn => Ok(query!(call).fetch_optional(conn).await?.map(Into::into)))
    }

    pub(crate) async fn query_all(&mut self, call: &Call) -> sqlx::Result<Vec<QueryResult>> {
        on!(self, conn => {
            let rows = query!(call).fetch_all(conn).await?;
            Ok(rows.into_iter().map(Into::into).collect())
        })
    }

    /// Runs one or several statements without binds, unprepared, in one round trip.
    pub(crate) async fn batch(&mut self, sql: &str) -> sqlx::Result<ExecResult> {
        on!(self, conn => conn.execute(AssertSqlSafe(sql)).await.map(Into::into))
    }

    #[cfg(feature = "stream")]
    pub(crate) fn rows<'a>(
        &'a mut self,
        call: &'a Call,
    ) -> futures_util::stream::BoxStream<'a, sqlx::Result<QueryResult>> {
        use futures_util::TryStreamExt as _;
        on!(self, conn => Box::pin(query!(call).fetch(conn).map_ok(Into::into)))
    }

    /// Asks whether anyone is there.
    pub(crate) async fn ping(&mut self) -> sqlx::Result<()> {
        on!(self, conn => conn.ping().await)
    }

    /// Forgets every prepared statement, here and at the server.
    pub(crate) async fn forget_plans(&mut self) -> sqlx::Result<()> {
        on!(self, conn => conn.clear_cached_statements().await)
    }

    /// Asks which session of the server this is, so that what it runs can be cancelled over another connection.
    pub(crate) async fn identify(&mut self) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { conn, identity } => *identity = Identity::of(conn).await?,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => {}
        }
        Ok(())
    }

    /// The session of the server, where it was asked for.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { identity, .. } => identity.as_ref(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => None,
        }
    }

    /// Asks the server to cancel what another session runs. Says whether it ran anything.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "there are no other sessions"))]
    pub(crate) async fn cancel(&mut self, other: &Identity) -> sqlx::Result<bool> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { conn, .. } => other.cancel(conn).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Ok(false),
        }
    }

    /// Says goodbye to the server.
    pub(crate) async fn close(self) -> sqlx::Result<()> {
        on!(self, conn => conn.close().await)
    }

    /// Brings a connection of unknown state back to the start: waits for what is still running, drops its outcome, and
    /// rolls back the transaction that may be open.
    pub(crate) async fn reset(&mut self, roll_back: bool) -> sqlx::Result<()> {
        // The first answers may be the errors of what ran before. Each belongs to one statement, and no more than a few
        // can have been under way.
        for _ in 0..4 {
            match self.ping().await {
                Err(sqlx::Error::Database(error)) => drop(error),
                Err(error) => return Err(error),
                Ok(()) if roll_back => return self.roll_back().await,
                Ok(()) => return Ok(()),
            }
        }
        self.ping().await
    }

    async fn roll_back(&mut self) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { conn, .. } => conn.execute("ROLLBACK").await.map(drop),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => super::sqlite::roll_back(conn).await,
        }
    }
}
