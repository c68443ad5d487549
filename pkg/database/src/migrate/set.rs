use std::{fs, io, path::Path};

use super::migration::{Migration, Script};
use crate::{Condition, DatabaseError};

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

    pub(super) fn set(&self) -> &str {
        &self.set
    }

    pub(super) fn list(&self) -> &[Migration] {
        &self.list
    }

    pub(super) fn seeds(&self) -> &[Script] {
        &self.seeds
    }

    pub(super) fn check_names(&self) -> Result<(), DatabaseError> {
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
