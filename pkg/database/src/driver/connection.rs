use std::sync::Arc;

use sea_orm::{ExecResult, QueryResult};
use sea_query_sqlx::SqlxValues;
use sqlx::{
    AssertSqlSafe, Connection as _, Database, Executor as _, IntoArguments, database::HasStatementCache,
    query::Query,
};

use super::{
    call::{Call, check_text},
    identity::Identity,
    rows::Checked as _,
};

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

macro_rules! on_query {
    ($connection:expr, $call:expr, ($conn:ident, $query:ident) => $body:expr) => {
        match $connection {
            #[cfg(feature = "postgres")]
            Connection::Postgres { conn: $conn, .. } => {
                let $query = query::<sqlx::Postgres>($call)?;
                $body
            }
            #[cfg(feature = "sqlite")]
            Connection::Sqlite($conn) => {
                let $query = query::<sqlx::Sqlite>($call)?;
                $body
            }
        }
    };
}

fn query<D: Database + HasStatementCache>(call: &Call) -> sqlx::Result<Query<'static, D, D::Arguments>>
where
    SqlxValues: IntoArguments<D>,
    D::Arguments: IntoArguments<D>,
{
    let text = AssertSqlSafe(Arc::clone(&call.sql));
    Ok(sqlx::query_with(text, call.arguments::<D>()?).persistent(call.persistent))
}

// Every method leaves the connection unfit for anyone else when its future is dropped half-way: the server goes on, and
// what it then says would be taken for the answer to the next statement. `reset` makes it fit again.
impl Connection {
    pub(crate) async fn execute(&mut self, call: &Call) -> sqlx::Result<ExecResult> {
        on_query!(self, call, (conn, query) => query.execute(conn).await.map(Into::into))
    }

    pub(crate) async fn query_one(&mut self, call: &Call) -> sqlx::Result<Option<QueryResult>> {
        on_query!(self, call, (conn, query) => {
            let row = query.fetch_optional(conn).await?;
            row.map(|row| row.checked().map(Into::into)).transpose()
        })
    }

    pub(crate) async fn query_all(&mut self, call: &Call) -> sqlx::Result<Vec<QueryResult>> {
        on_query!(self, call, (conn, query) => {
            let rows = query.fetch_all(conn).await?;
            rows.into_iter().map(|row| row.checked().map(Into::into)).collect()
        })
    }

    /// Runs one or several statements without binds, unprepared, in one round trip.
    pub(crate) async fn batch(&mut self, sql: &str) -> sqlx::Result<ExecResult> {
        check_text(sql)?;
        on!(self, conn => conn.execute(AssertSqlSafe(sql)).await.map(Into::into))
    }

    #[cfg(feature = "stream")]
    pub(crate) fn rows<'a>(
        &'a mut self,
        call: &'a Call,
    ) -> sqlx::Result<futures_util::stream::BoxStream<'a, sqlx::Result<QueryResult>>> {
        use futures_util::StreamExt as _;
        on_query!(self, call, (conn, query) => Ok(Box::pin(query.fetch(conn).map(|row| Ok(row?.checked()?.into())))))
    }

    /// One round trip, to find out whether the server answers.
    pub(crate) async fn ping(&mut self) -> sqlx::Result<()> {
        on!(self, conn => conn.ping().await)
    }

    /// Forgets every prepared statement, here and at the server.
    pub(crate) async fn forget_plans(&mut self) -> sqlx::Result<()> {
        on!(self, conn => conn.clear_cached_statements().await)
    }

    /// Reads which session of the server this is, so that what it runs can be cancelled over another connection.
    pub(crate) async fn identify(&mut self) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { conn, identity } => *identity = Identity::of(conn).await?,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => {}
        }
        Ok(())
    }

    /// The session of the server, where it was read.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { identity, .. } => identity.as_ref(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => None,
        }
    }

    /// Cancels what another session runs. Returns whether it ran anything.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "there are no other sessions"))]
    pub(crate) async fn cancel(&mut self, other: &Identity) -> sqlx::Result<bool> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { conn, .. } => other.cancel(conn).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Ok(false),
        }
    }

    /// Closes the connection with a message to the server.
    pub(crate) async fn close(self) -> sqlx::Result<()> {
        on!(self, conn => conn.close().await)
    }

    /// Brings a connection of unknown state back to its initial state: waits for what is still running, drops its outcome, and
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
