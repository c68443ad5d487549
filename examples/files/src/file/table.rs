//! The rows of files.

use underpin_database::sea_orm::{QueryResult, TryGetable, Value};
use underpin_database::{DatabaseError, Executor as _, Pool, sql};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::Context;
use uuid::Uuid;

use super::{FileRecord, Links, NewFile};

const COLUMNS: &str = "id, name, content_type, size, sha256, state";

/// The table of files.
#[derive(Clone)]
pub(crate) struct FileTable {
    database: Pool,
}

impl FileTable {
    pub(crate) fn new(database: &Pool) -> Self {
        Self { database: database.clone() }
    }

    /// Writes a pending row, before any data. Size and digest are what is announced, if anything is.
    pub(super) async fn announce(
        &self,
        ctx: &Context,
        new: &NewFile,
        (size, sha256): (u64, String),
        expires: i64,
    ) -> Result<FileRecord, DatabaseError> {
        let id = Uuid::now_v7();
        let NewFile { name, content_type } = new.clone();
        let (created_at, state) = (FileRecord::created_at(id), "pending".to_owned());
        let file = FileRecord { id, name, content_type, size, sha256, created_at, state };
        let insert = format!("INSERT INTO file ({COLUMNS}, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)");
        let FileRecord { name, content_type, sha256, state, .. } = file.clone();
        let row: [Value; 6] =
            [key(id), name.into(), content_type.into(), number(size), sha256.into(), state.into()];
        self.change(ctx, &insert, row.into_iter().chain([expires.into()])).await?;
        Ok(file)
    }

    /// Makes a pending file ready. False where it is not pending any more.
    pub(super) async fn publish(&self, ctx: &Context, file: &FileRecord) -> Result<bool, DatabaseError> {
        let update =
            "UPDATE file SET state = 'ready', size = $2, sha256 = $3 WHERE id = $1 AND state = 'pending'";
        let row = [key(file.id), number(file.size), file.sha256.clone().into()];
        Ok(self.change(ctx, update, row).await? == 1)
    }

    /// Hides a ready file. False where there is none.
    pub(super) async fn retire(&self, ctx: &Context, id: Uuid) -> Result<bool, DatabaseError> {
        let update = "UPDATE file SET state = 'deleted' WHERE id = $1 AND state = 'ready'";
        Ok(self.change(ctx, update, [key(id)]).await? == 1)
    }

    /// Retires the pending files that have expired.
    pub(super) async fn retire_expired(&self, ctx: &Context, now: i64) -> Result<u64, DatabaseError> {
        let update = "UPDATE file SET state = 'deleted' WHERE state = 'pending' AND expires < $1";
        self.change(ctx, update, [now.into()]).await
    }

    /// The ids of files whose data is to be deleted.
    pub(super) async fn retired(&self, ctx: &Context, limit: u64) -> Result<Vec<Uuid>, Error> {
        let query = "SELECT id FROM file WHERE state = 'deleted' ORDER BY id LIMIT $1";
        let rows = self.database.with(ctx).query_all(sql(query, [number(limit)])).await?;
        rows.iter().map(id_of).collect()
    }

    /// Removes the row of a file whose data is deleted.
    pub(super) async fn forget(&self, ctx: &Context, id: Uuid) -> Result<(), DatabaseError> {
        let delete = "DELETE FROM file WHERE id = $1 AND state = 'deleted'";
        self.change(ctx, delete, [key(id)]).await.map(drop)
    }

    pub(super) async fn find(&self, ctx: &Context, id: Uuid) -> Result<Option<FileRecord>, Error> {
        let query = format!("SELECT {COLUMNS} FROM file WHERE id = $1");
        let row = self.database.with(ctx).query_one(sql(query, [key(id)])).await?;
        row.as_ref().map(file_of).transpose()
    }

    /// Ready files, the oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub(crate) async fn list(
        &self,
        ctx: &Context,
        after: Uuid,
        limit: u64,
    ) -> Result<Vec<FileRecord>, Error> {
        let query =
            format!("SELECT {COLUMNS} FROM file WHERE state = 'ready' AND id > $1 ORDER BY id LIMIT $2");
        let rows = self.database.with(ctx).query_all(sql(query, [key(after), number(limit)])).await?;
        rows.iter().map(file_of).collect()
    }

    /// The secret of signed links, made by the first process of the database.
    ///
    /// # Errors
    /// What the database says.
    pub(crate) async fn link_secret(&self) -> Result<String, Error> {
        let insert = "INSERT INTO link_key (id, secret) VALUES (1, $1) ON CONFLICT DO NOTHING";
        self.database.execute(sql(insert, [Links::fresh_secret()?.into()])).await?;
        let row = self.database.query_one(sql("SELECT secret FROM link_key WHERE id = 1", [])).await?;
        column(&row.ok_or_else(|| Error::internal("the key of signed links is missing"))?, "secret")
    }

    /// Returns how many rows there were.
    async fn change(
        &self,
        ctx: &Context,
        statement: &str,
        row: impl IntoIterator<Item = Value>,
    ) -> Result<u64, DatabaseError> {
        Ok(self.database.with(ctx).execute(sql(statement, row)).await?.rows_affected())
    }
}

fn file_of(row: &QueryResult) -> Result<FileRecord, Error> {
    let id = id_of(row)?;
    Ok(FileRecord {
        id,
        name: column(row, "name")?,
        content_type: column(row, "content_type")?,
        size: column::<i64>(row, "size")?.unsigned_abs(),
        sha256: column(row, "sha256")?,
        created_at: FileRecord::created_at(id),
        state: column(row, "state")?,
    })
}

fn id_of(row: &QueryResult) -> Result<Uuid, Error> {
    column::<String>(row, "id")?.parse().wrap_err(Kind::Internal, "read the id of a file")
}

fn column<T: TryGetable>(row: &QueryResult, name: &str) -> Result<T, Error> {
    row.try_get("", name).wrap_err(Kind::Internal, "read a row")
}

fn key(id: Uuid) -> Value {
    id.to_string().into()
}

/// No file is as large as the largest number.
fn number(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
