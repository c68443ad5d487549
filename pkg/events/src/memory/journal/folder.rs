//! The files beside the journal, and the folder of both.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The folder of the journal: a rename is permanent once the folder is synced. Only Unix can open folders.
pub(super) struct Folder(Option<File>);

impl Folder {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if cfg!(unix) { File::open(folder).map(|folder| Self(Some(folder))) } else { Ok(Self(None)) }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), File::sync_all)
    }
}

/// The lock on a journal. Dropping it releases the lock at once, also while a child process that was just forked still holds a
/// copy of the descriptor: `flock` belongs to the open file, not to the descriptor.
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing releases it as well, if this failed.
        drop(self.0.unlock());
    }
}

/// Locks the journal against other processes.
pub(super) fn lock(path: &Path) -> io::Result<Lock> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(beside(path, "lock"))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::new(io::ErrorKind::WouldBlock, "another process has it open"),
        TryLockError::Error(error) => error,
    })?;
    Ok(Lock(file))
}

pub(super) fn beside(path: &Path, extension: &str) -> PathBuf {
    path.with_added_extension(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fork copies the descriptor, and the child closes its copy only when it executes its program.
    #[test]
    fn a_copied_descriptor_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.journal");
        let first = lock(&path).unwrap();
        let copied = first.0.try_clone().unwrap();
        assert!(lock(&path).is_err(), "it is held");
        drop(first);
        lock(&path).unwrap();
        drop(copied);
    }
}
