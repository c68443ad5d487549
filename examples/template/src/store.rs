//! Tables and queries. Entities of sea-orm run on the same pool and transactions; SQL is enough here.

use underpin_database::migrate::{Migration, Migrations};
use underpin_database::{Database, DatabaseError, Executor, Transaction, sql};

use crate::note::Note;

/// The tables of the service; outbox and inbox keep their own.
pub(crate) fn migrations() -> Migrations {
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
