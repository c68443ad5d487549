use std::io;
use std::path::Path;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use tokio_util::task::TaskTracker;

use super::failure;
use super::objects::{External, ExternalObjects};
use crate::StoreError;

/// How much is written at once.
const PART: usize = 8 * 1024 * 1024;

impl ExternalObjects {
    /// The objects of a local folder, as files. It is created if it is missing.
    ///
    /// An object that was stored survives a power failure: the file and its folders are written to the disk first. A deletion may be
    /// undone by one. While an object is stored, its data is in a file `NAME#NUMBER` beside it; a process that is killed leaves that
    /// file to [`sweep`](crate::Objects::sweep).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be created or opened.
    pub fn folder(folder: impl AsRef<Path>) -> Result<Self, StoreError> {
        let folder = folder.as_ref();
        Ok(Self::new(External {
            bucket: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            store: Arc::new(open(folder)?),
            presign: None,
            attributes: false,
            part_size: PART,
            window: 2,
            tasks: TaskTracker::new(),
            folder: Some(folder.to_owned()),
        }))
    }
}

fn open(folder: &Path) -> Result<LocalFileSystem, StoreError> {
    create(folder).map_err(|error| StoreError::Unavailable(error.into()))?;
    let store = LocalFileSystem::new_with_prefix(folder);
    let store = store.map_err(|error| failure::of("open a folder", error))?;
    Ok(store.with_automatic_cleanup(true).with_fsync(true))
}

/// Creates a folder and those above it, so that they survive a power failure.
fn create(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let missing = folder.ancestors().take_while(|folder| !folder.exists()).count();
    std::fs::create_dir_all(&folder)?;
    // A folder is an entry of the one above it.
    folder.ancestors().skip(1).take(missing).try_for_each(sync)
}

#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file.
#[cfg(not(unix))]
fn sync(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_created_with_those_above_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b/c");
        for _ in 0..2 {
            create(&folder).unwrap();
            assert!(folder.is_dir());
        }
        std::fs::write(folder.join("file"), "x").unwrap();
        assert!(create(&folder.join("file/d")).is_err());
    }

    /// A test cannot cut the power: it sees the option of the store.
    #[test]
    fn a_put_waits_for_the_disk() {
        let root = tempfile::tempdir().unwrap();
        let store = format!("{:?}", open(root.path()).unwrap());
        assert!(store.contains("fsync: true"), "{store}");
    }
}
