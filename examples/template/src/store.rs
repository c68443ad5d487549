//! Tables and queries. Entities of sea-orm run on the same pool and transactions; SQL is enough here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use underpin_database::migrate::{Migration, Migrations};
use underpin_database::{
    Database, DatabaseError, DatabaseSettings, Executor, Pool, Transaction, connect, sql,
};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::Logger;
use underpin_outbox::{Inbox, Outbox};

use crate::note::Note;

/// Connects, waiting for a database that is not up yet, and creates or changes the tables.
pub(crate) async fn open(
    settings: &DatabaseSettings,
    outbox: &Outbox,
    inbox: &Inbox,
    log: &Arc<dyn Logger>,
) -> Result<Pool, Error> {
    // SQLite does not create the folder of its file.
    if let Some(folder) = sqlite_file(settings.url.expose()).as_deref().and_then(Path::parent) {
        std::fs::create_dir_all(folder).wrap_err(Kind::Internal, "create the folder of the database")?;
    }
    let pool =
        connect(settings, Arc::clone(log)).await.context("connect to the database (see DATABASE_URL)")?;
    migrations().up(&pool).await.context("create the tables")?;
    outbox.migrate(&pool).await.context("create the tables of the outbox")?;
    inbox.migrate(&pool).await.context("create the table of the inbox")?;
    Ok(pool)
}

/// The file of a SQLite URL; none for a database in memory and for other databases.
pub(crate) fn sqlite_file(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let in_memory = path == ":memory:" || path.is_empty() || query.contains("mode=memory");
    (!in_memory).then(|| PathBuf::from(path))
}

fn migrations() -> Migrations {
    let note = Migration::new("0001_note", include_str!("../migrations/0001_note.sql"));
    Migrations::new("service").step(note.down(include_str!("../migrations/0001_note.down.sql")))
}

pub(crate) async fn insert(tx: &Transaction, note: &Note) -> Result<(), DatabaseError> {
    let insert = "INSERT INTO note (id, text) VALUES ($1, $2)";
    tx.execute(sql(insert, [note.id.as_str().into(), note.text.as_str().into()])).await?;
    Ok(())
}

pub(crate) async fn get(db: &dyn Database, id: &str) -> Result<Option<Note>, DatabaseError> {
    let row = db.query_one(sql("SELECT id, text FROM note WHERE id = $1", [id.into()])).await?;
    row.map(|row| Ok(Note { id: row.try_get("", "id")?, text: row.try_get("", "text")? })).transpose()
}

pub(crate) async fn count_one_more(tx: &Transaction) -> Result<(), DatabaseError> {
    tx.execute(sql("UPDATE note_count SET notes = notes + 1 WHERE id = 1", [])).await?;
    Ok(())
}

pub(crate) async fn count(db: &dyn Database) -> Result<i64, DatabaseError> {
    let row = db.query_one(sql("SELECT notes FROM note_count WHERE id = 1", [])).await?;
    row.map_or(Ok(0), |row| Ok(row.try_get("", "notes")?))
}
