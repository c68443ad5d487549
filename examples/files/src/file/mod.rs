//! The life of a file.
//!
//! A row is written before the first byte, so that no data is without a row whatever is killed: `pending` while the data comes, `ready` when
//! it is stored and compared, `deleted` until the data is gone. Only one of completing and sweeping changes a pending row.

mod link;
mod name;
mod record;
mod remove;
mod table;
mod transfer;
mod upload;

use std::sync::Arc;

use underpin_errors::{Error, Kind};
use underpin_logger::{Context, Logger};
use underpin_objects::{GetObject, ObjectName, ObjectReader, Objects};
use uuid::Uuid;

pub(crate) use link::{Links, UploadLink};
pub(crate) use name::NewFile;
pub(crate) use record::{FileRecord, parse_digest};
pub(crate) use table::FileTable;
pub(crate) use upload::Initiated;

use crate::UploadSettings;

/// Files: their rows and their data.
pub(crate) struct Files {
    pub(crate) table: FileTable,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) links: Links,
    pub(crate) settings: UploadSettings,
    pub(crate) log: Arc<dyn Logger>,
}

impl Files {
    /// The file with this id, once it is ready.
    ///
    /// # Errors
    /// 404 `FILE_NOT_FOUND`.
    pub(crate) async fn find(&self, ctx: &Context, id: Uuid) -> Result<FileRecord, Error> {
        let found = self.table.find(ctx, id).await?;
        found.filter(FileRecord::is_ready).ok_or_else(missing)
    }

    /// The data of a file, or a part of it. It is compared with its digest where the store keeps one.
    ///
    /// # Errors
    /// What the store says; `DATA_LOSS` where it has no such data.
    pub(crate) async fn open(&self, file: &FileRecord, part: GetObject) -> Result<ObjectReader, Error> {
        let found = self.objects.get(&object(file.id)?, part).await?;
        found.ok_or_else(|| Error::new(Kind::DataLoss, "the data of a file is missing"))
    }
}

/// The object of a file.
fn object(id: Uuid) -> Result<ObjectName, Error> {
    Ok(ObjectName::new(id.to_string())?)
}

pub(crate) fn missing() -> Error {
    Error::not_found("there is no file with this id").code("FILE_NOT_FOUND")
}

/// Seconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
