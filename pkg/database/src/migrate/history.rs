//! The table of what ran, and how it compares with the set.

use sea_orm::QueryResult;

use super::{migration::Migration, set::Migrations};
use crate::{Backend, Condition, DatabaseError, Executor, Pool, Transaction, sql};

/// One migration and whether it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationStatus {
    /// Its name.
    pub name: String,
    /// Whether it ran.
    pub state: MigrationState,
}

/// Whether a migration ran.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MigrationState {
    /// Not yet.
    Pending,
    /// Yes.
    Applied {
        /// When, as the database writes it.
        at: String,
    },
    /// Yes, but its script has been changed since.
    Changed {
        /// When, as the database writes it.
        at: String,
    },
    /// It ran once and is no longer in the set.
    Unknown {
        /// When, as the database writes it.
        at: String,
    },
}

/// A row of the table.
pub(super) struct Applied {
    pub(super) name: String,
    checksum: String,
    at: String,
}

pub(super) async fn create_table(tx: &Transaction) -> Result<(), DatabaseError> {
    let at = match tx.backend() {
        Backend::Postgres => "TIMESTAMPTZ NOT NULL DEFAULT now()",
        Backend::Sqlite => "TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP",
    };
    let table = format!(
        "CREATE TABLE IF NOT EXISTS underpin_migration (
            set_name TEXT NOT NULL,
            name TEXT NOT NULL,
            position INTEGER NOT NULL,
            checksum TEXT NOT NULL,
            applied_at {at},
            PRIMARY KEY (set_name, name))"
    );
    tx.batch(&table).await.map(drop)
}

const READ: &str = "SELECT name, checksum, CAST(applied_at AS TEXT) FROM underpin_migration
    WHERE set_name = $1 ORDER BY position";

pub(super) async fn read(db: &dyn Executor, set: &str) -> Result<Vec<Applied>, DatabaseError> {
    db.query_all(sql(READ, [set.into()])).await?.iter().map(Applied::of).collect()
}

/// The same without a transaction; nothing where the table does not exist yet.
pub(super) async fn peek(pool: &Pool, set: &str) -> Result<Vec<Applied>, DatabaseError> {
    let exists = match pool.backend() {
        Backend::Postgres => "SELECT 1 WHERE to_regclass('underpin_migration') IS NOT NULL",
        Backend::Sqlite => "SELECT 1 FROM sqlite_master WHERE name = 'underpin_migration'",
    };
    if pool.query_one(sql(exists, [])).await?.is_none() {
        return Ok(Vec::new());
    }
    read(pool, set).await
}

pub(super) async fn note(
    tx: &Transaction,
    set: &str,
    migration: &Migration,
    position: usize,
) -> Result<(), DatabaseError> {
    let insert =
        "INSERT INTO underpin_migration (set_name, name, position, checksum) VALUES ($1, $2, $3, $4)";
    let position = i32::try_from(position).unwrap_or(i32::MAX);
    let checksum = migration.checksum(tx.backend());
    tx.execute(sql(insert, [set.into(), migration.name().into(), position.into(), checksum.into()]))
        .await
        .map(drop)
}

pub(super) async fn forget(tx: &Transaction, set: &str, name: &str) -> Result<(), DatabaseError> {
    let delete = "DELETE FROM underpin_migration WHERE set_name = $1 AND name = $2";
    tx.execute(sql(delete, [set.into(), name.into()])).await.map(drop)
}

/// What ran must be the beginning of the set, unchanged.
pub(super) fn check(
    migrations: &Migrations,
    applied: &[Applied],
    backend: Backend,
) -> Result<(), DatabaseError> {
    let wrong = |what: String| Err(DatabaseError::said(Condition::Migration, what));
    for (position, row) in applied.iter().enumerate() {
        match migrations.list().get(position) {
            Some(migration) if migration.name() == row.name => {
                if !migration.matches(&row.checksum, backend) {
                    return wrong(format!("the migration {} was changed after it ran", row.name));
                }
            }
            _ if migrations.list().iter().all(|migration| migration.name() != row.name) => {
                return wrong(format!(
                    "the migration {} ran, but is not in the set {}",
                    row.name,
                    migrations.set()
                ));
            }
            _ => return wrong(format!("a migration was put before {}, which ran already", row.name)),
        }
    }
    Ok(())
}

pub(super) fn compare(
    migrations: &Migrations,
    applied: &[Applied],
    backend: Backend,
) -> Vec<MigrationStatus> {
    let known = migrations.list().iter().map(|migration| {
        let state = match applied.iter().find(|row| row.name == migration.name()) {
            None => MigrationState::Pending,
            Some(row) if migration.matches(&row.checksum, backend) => {
                MigrationState::Applied { at: row.at.clone() }
            }
            Some(row) => MigrationState::Changed { at: row.at.clone() },
        };
        MigrationStatus { name: migration.name().to_owned(), state }
    });
    let unknown = applied
        .iter()
        .filter(|row| migrations.list().iter().all(|migration| migration.name() != row.name))
        .map(|row| MigrationStatus {
            name: row.name.clone(),
            state: MigrationState::Unknown { at: row.at.clone() },
        });
    known.chain(unknown).collect()
}

impl Applied {
    fn of(row: &QueryResult) -> Result<Self, DatabaseError> {
        Ok(Self {
            name: row.try_get_by_index(0)?,
            checksum: row.try_get_by_index(1)?,
            at: row.try_get_by_index(2)?,
        })
    }
}
