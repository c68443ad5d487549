//! The ways out: what the libraries below can do and this crate does not offer.

use sea_orm::DatabaseConnection;

use crate::{Condition, DatabaseError, Pool, driver::Target};

impl Pool {
    /// A sea-orm connection to the same database: a pool of its own, of `max_open` connections that are opened when they
    /// are needed. For what asks for that very type; nothing of what this crate adds holds there.
    ///
    /// Its `get_postgres_connection_pool` and `get_sqlite_connection_pool` lead to sqlx's pool. Close it before this one.
    ///
    /// # Errors
    /// [`Condition::Unsupported`] for a SQLite database in memory, which has no second connection.
    pub fn sea_orm(&self, max_open: u32) -> Result<DatabaseConnection, DatabaseError> {
        if self.core().opener.target().is_memory() {
            let what = "a database in memory has no second connection";
            return Err(DatabaseError::said(Condition::Unsupported, what));
        }
        let limit = self.settings().acquire_timeout;
        Ok(match self.core().opener.target() {
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
}
