//! Migrations: up, down, status, fresh and seeds, one process at a time.
//!
//! Each migration runs in its own transaction together with the note that it ran, so that a failed one leaves nothing
//! behind, on PostgreSQL and on SQLite. Processes that migrate at the same time are serialized by an advisory lock
//! (PostgreSQL) or the write lock of the file (SQLite): one does the work, the others wait and find it done.
//!
//! A set of migrations has a name, so that a service and the libraries it uses keep theirs apart in one database.
//!
//! # Examples
//! ```
//! use underpin_database::migrate::{Migration, Migrations};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_database::DatabaseError> {
//! # let settings = underpin_database::DatabaseSettings::new("sqlite::memory:");
//! # let pool = underpin_database::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
//! let migrations = Migrations::new("orders")
//!     .step(Migration::new("0001_orders", "CREATE TABLE orders (id TEXT PRIMARY KEY)").down("DROP TABLE orders"))
//!     .step(Migration::new("0002_note", "ALTER TABLE orders ADD COLUMN note TEXT").down("ALTER TABLE orders DROP COLUMN note"))
//!     .seed("INSERT INTO orders VALUES ('first', NULL) ON CONFLICT DO NOTHING");
//!
//! assert_eq!(migrations.up(&pool).await?, ["0001_orders", "0002_note"]);
//! assert!(migrations.up(&pool).await?.is_empty(), "nothing left to do");
//! migrations.run_seeds(&pool).await?;
//! assert_eq!(migrations.down(&pool, 1).await?, ["0002_note"]);
//! # Ok(()) }
//! ```

mod commands;
mod history;
mod lock;
mod migration;
mod run;
#[cfg(feature = "sea-orm-migration")]
mod sea_orm_migrator;
mod set;

pub use history::{MigrationState, MigrationStatus};
pub use migration::{Migration, Script};
#[cfg(feature = "sea-orm-migration")]
pub use sea_orm_migrator::{down_with, up_with};
pub use set::Migrations;
