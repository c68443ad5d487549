//! The ways out: what the libraries below can do and this crate does not offer.

use std::fmt;

use sea_orm::DatabaseConnection;

use crate::{
    Condition, DatabaseError, Pool,
    driver::{Connection, Target},
    pool::{Disposition, Lease},
};

impl Pool {
    /// A sea-orm connection to the same database: its own pool of `max_open` connections that are opened when they
    /// are needed. For code that asks for that type; the guarantees of this crate do not hold there.
    ///
    /// Its `get_postgres_connection_pool` and `get_sqlite_connection_pool` lead to sqlx's pool. Close it before this one.
    ///
    /// # Errors
    /// [`Condition::Unsupported`] for a SQLite database in memory, which has no second connection.
    pub fn sea_orm(&self, max_open: u32) -> Result<DatabaseConnection, DatabaseError> {
        if self.state().is_memory() {
            let what = "a database in memory has no second connection";
            return Err(DatabaseError::said(Condition::Unsupported, what));
        }
        let limit = self.settings().acquire_timeout;
        Ok(match self.state().opener.target() {
            #[cfg(feature = "postgres")]
            Target::Postgres(options) => {
                let pool =
                    sqlx::postgres::PgPoolOptions::new().max_connections(max_open).acquire_timeout(limit);
                pool.connect_lazy_with(options.clone()).into()
            }
            #[cfg(feature = "sqlite")]
            Target::Sqlite { options, .. } => {
                let pool =
                    sqlx::sqlite::SqlitePoolOptions::new().max_connections(max_open).acquire_timeout(limit);
                pool.connect_lazy_with(options.clone()).into()
            }
        })
    }

    /// Takes one connection of this pool as sqlx's own: for COPY, for queries that sqlx checks when it compiles them, for
    /// whatever wants that very type.
    ///
    /// # Errors
    /// As [`session`](Self::session).
    ///
    /// # Cancel safety
    /// Cancel-safe: the place in the queue is given up.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let settings = underpin_database::DatabaseSettings::new("sqlite::memory:");
    /// # let pool = underpin_database::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
    /// let mut connection = pool.sqlx().await?;
    /// if let Some(sqlite) = connection.sqlite() {
    ///     let sum: i32 = underpin_database::sqlx::query_scalar("SELECT 1 + 1").fetch_one(sqlite).await?;
    ///     assert_eq!(sum, 2);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn sqlx(&self) -> Result<SqlxConnection, DatabaseError> {
        let (mut lease, _timer) = self.acquire().await?;
        lease.lend_out(if self.state().is_memory() { Disposition::Reset } else { Disposition::Close });
        Ok(SqlxConnection { lease })
    }
}

/// A connection of the pool as sqlx's own; see [`Pool::sqlx`].
///
/// What is done with it is not seen here: no slow-query log, no limit but the server's own, errors as sqlx says them. It
/// holds its permit of the pool until it is dropped, and is closed then instead of lent to the next caller, since nobody
/// knows what it carries. A SQLite database in memory is rolled back instead.
#[must_use = "it holds a connection of the pool"]
pub struct SqlxConnection {
    lease: Lease,
}

impl SqlxConnection {
    /// The connection, where it leads to PostgreSQL.
    #[cfg(feature = "postgres")]
    pub fn postgres(&mut self) -> Option<&mut sqlx::PgConnection> {
        match self.lease.connection() {
            Ok(Connection::Postgres { conn, .. }) => Some(conn),
            _ => None,
        }
    }

    /// The connection, where it leads to SQLite.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(&mut self) -> Option<&mut sqlx::SqliteConnection> {
        match self.lease.connection() {
            Ok(Connection::Sqlite(conn)) => Some(conn),
            _ => None,
        }
    }
}

impl fmt::Debug for SqlxConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlxConnection").finish_non_exhaustive()
    }
}
