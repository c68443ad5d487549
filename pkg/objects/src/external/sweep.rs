//! Leftovers of uploads to a folder whose process was killed.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;

use crate::{StoreError, Swept};

/// Removes the files of uploads that are this old. Links are not followed.
pub(super) async fn folder(folder: PathBuf, older_than: Duration) -> Result<Swept, StoreError> {
    let unavailable = |error: io::Error| StoreError::Unavailable(error.into());
    let swept = spawn_blocking(move || {
        let mut swept = Swept::default();
        sweep(&folder, SystemTime::now(), older_than, &mut swept).map(|()| swept)
    });
    swept.await.map_err(|error| unavailable(error.into()))?.map_err(unavailable)
}

fn sweep(folder: &Path, now: SystemTime, older_than: Duration, swept: &mut Swept) -> io::Result<()> {
    // Uploads end and objects are deleted meanwhile, their folders too.
    for entry in found(fs::read_dir(folder))?.into_iter().flatten() {
        let entry = entry?;
        let Some(kind) = found(entry.file_type())? else { continue };
        if kind.is_dir() {
            sweep(&entry.path(), now, older_than, swept)?;
        } else if kind.is_file() && is_upload(&entry) {
            let modified = found(entry.metadata().and_then(|metadata| metadata.modified()))?;
            let age = modified.and_then(|modified| now.duration_since(modified).ok());
            if age.is_some_and(|age| age >= older_than) && found(fs::remove_file(entry.path()))?.is_some() {
                swept.orphans += 1;
            }
        }
    }
    Ok(())
}

/// Whether it is `NAME#NUMBER`, as `object_store` calls the data of an upload until it ends. The `#` of a name is encoded.
fn is_upload(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let number = name.to_str().and_then(|name| name.split_once('#')).map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
