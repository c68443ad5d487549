//! Migrations: up, down, status, fresh and seeds, one process at a time.
//!
//! Each migration runs in a transaction of its own together with the note that it ran, so that a failed one leaves nothing
//! behind, on PostgreSQL and on SQLite. Processes that migrate at the same time take turns under an advisory lock
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

mod history;
mod lock;
mod migration;
mod run;
#[cfg(feature = "sea-orm-migration")]
mod sea_orm_migrator;

use std::{fs, io, path::Path};

pub use history::{MigrationState, MigrationStatus};
pub use migration::{Migration, Script};
#[cfg(feature = "sea-orm-migration")]
pub use sea_orm_migrator::{down_with, up_with};

#[cfg(feature = "postgres")]
pub(crate) use lock::KEY as LOCK_KEY;

use crate::{Condition, DatabaseError, Pool};

/// The migrations of one service or library, in order.
#[derive(Debug, Clone)]
#[must_use]
pub struct Migrations {
    set: String,
    list: Vec<Migration>,
    seeds: Vec<Script>,
}

impl Migrations {
    /// An empty set. The name is the key under which what has run is remembered; never change it.
    pub fn new(set: impl Into<String>) -> Self {
        Self { set: set.into(), list: Vec::new(), seeds: Vec::new() }
    }

    /// Adds a migration after the others. Names are unique within the set and, by custom, sort as they run.
    pub fn step(mut self, migration: Migration) -> Self {
        self.list.push(migration);
        self
    }

    /// Adds a script with data to start from. It runs each time [`run_seeds`](Self::run_seeds) is called, so it must do no
    /// harm the second time.
    pub fn seed(mut self, script: impl Into<Script>) -> Self {
        self.seeds.push(script.into());
        self
    }

    /// Adds the SQL files of a folder in the order of their names: `0001_orders.sql`, and `0001_orders.down.sql` to undo it.
    ///
    /// # Errors
    /// What reading the folder says, and [`io::ErrorKind::NotFound`] for a `.down.sql` without its other half.
    ///
    /// # Examples
    /// ```
    /// use underpin_database::migrate::Migrations;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let settings = underpin_database::DatabaseSettings::new("sqlite::memory:");
    /// # let pool = underpin_database::connect(&settings, std::sync::Arc::new(underpin_logger::NoopLogger)).await?;
    /// # let temporary = tempfile::tempdir()?;
    /// # let folder = temporary.path();
    /// std::fs::write(folder.join("0001_note.sql"), "CREATE TABLE note (text TEXT)")?;
    /// std::fs::write(folder.join("0001_note.down.sql"), "DROP TABLE note")?;
    /// std::fs::write(folder.join("0002_author.sql"), "ALTER TABLE note ADD COLUMN author TEXT")?;
    /// let migrations = Migrations::new("notes").folder(folder)?;
    /// assert_eq!(migrations.up(&pool).await?, ["0001_note", "0002_author"]);
    /// # Ok(()) }
    /// ```
    pub fn folder(mut self, folder: impl AsRef<Path>) -> io::Result<Self> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder.as_ref())? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(".sql") {
                names.push(name.to_owned());
            }
        }
        names.sort();
        for name in &names {
            let read = |name: &str| fs::read_to_string(folder.as_ref().join(format!("{name}.sql")));
            if let Some(up) = name.strip_suffix(".down") {
                if !names.iter().any(|other| other == up) {
                    return Err(io::Error::new(
                        io::ErrorKind::NotFound,
                        format!("{up}.sql, which {name}.sql undoes"),
                    ));
                }
                continue;
            }
            let down = format!("{name}.down");
            let mut migration = Migration::new(name.clone(), read(name)?);
            if names.contains(&down) {
                migration = migration.down(read(&down)?);
            }
            self.list.push(migration);
        }
        Ok(self)
    }

    /// Runs what has not run yet, oldest first, and names it.
    ///
    /// # Errors
    /// - [`Condition::Migration`]: a migration changed after it ran, one that ran is no longer in the set, or one is older
    ///   than one that ran. Nothing was done.
    /// - What the database says to a script, under the name of the migration. Those before it stay, of it nothing does.
    ///
    /// # Cancel safety
    /// Cancel-safe: the migration under way is rolled back, and the next call goes on from there.
    pub async fn up(&self, pool: &Pool) -> Result<Vec<String>, DatabaseError> {
        self.check_names()?;
        run::up(self, pool).await
    }

    /// Undoes the last `steps` migrations, newest first, and names them.
    ///
    /// # Errors
    /// As [`up`](Self::up), and [`Condition::Migration`] for one that says nothing about how to undo it.
    ///
    /// # Cancel safety
    /// As [`up`](Self::up).
    pub async fn down(&self, pool: &Pool, steps: usize) -> Result<Vec<String>, DatabaseError> {
        self.check_names()?;
        run::down(self, pool, steps).await
    }

    /// Undoes everything and runs it again: an empty database with its tables. Names what it ran.
    ///
    /// # Errors
    /// As [`down`](Self::down) and [`up`](Self::up).
    ///
    /// # Cancel safety
    /// As [`up`](Self::up).
    pub async fn fresh(&self, pool: &Pool) -> Result<Vec<String>, DatabaseError> {
        self.down(pool, usize::MAX).await?;
        self.up(pool).await
    }

    /// Says of each migration whether it ran. Changes nothing, takes no lock.
    ///
    /// # Errors
    /// What the database says.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn status(&self, pool: &Pool) -> Result<Vec<MigrationStatus>, DatabaseError> {
        run::status(self, pool).await
    }

    /// Runs the seeds, all in one transaction.
    ///
    /// # Errors
    /// What the database says to a script.
    ///
    /// # Cancel safety
    /// Cancel-safe: either all seeds are there or none.
    pub async fn run_seeds(&self, pool: &Pool) -> Result<(), DatabaseError> {
        run::seeds(self, pool).await
    }

    pub(super) fn set(&self) -> &str {
        &self.set
    }

    pub(super) fn list(&self) -> &[Migration] {
        &self.list
    }

    pub(super) fn seeds(&self) -> &[Script] {
        &self.seeds
    }

    fn check_names(&self) -> Result<(), DatabaseError> {
        let mut names: Vec<&str> = self.list.iter().map(Migration::name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => Err(DatabaseError::said(
                Condition::Migration,
                format!("the migration {} is there twice", pair.first().copied().unwrap_or_default()),
            )),
            None => Ok(()),
        }
    }
}
