use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// A lock of the operating system on a file. The file is created if it is missing, and stays.
///
/// It ends with the process, however that ends. Dropping it releases it at once, also while a child process that was just forked still
/// holds a copy of the descriptor: `flock` belongs to the open file, not to the descriptor.
///
/// # Examples
/// ```
/// use underpin_journal::FileLock;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("sum.lock");
/// let lock = FileLock::try_exclusive(&path)?.expect("nobody else has it");
/// assert!(FileLock::try_shared(&path)?.is_none());
/// drop(lock);
/// assert!(FileLock::try_shared(&path)?.is_some());
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping it releases it"]
pub struct FileLock(File);

impl FileLock {
    /// The lock that excludes all others; none while another one is held.
    ///
    /// # Errors
    /// The file cannot be opened, or its file system has no locks.
    pub fn try_exclusive(path: &Path) -> io::Result<Option<Self>> {
        Self::try_with(path, File::try_lock)
    }

    /// The lock that excludes only exclusive ones; none while one of those is held.
    ///
    /// # Errors
    /// Like [`try_exclusive`](Self::try_exclusive).
    pub fn try_shared(path: &Path) -> io::Result<Option<Self>> {
        Self::try_with(path, File::try_lock_shared)
    }

    fn try_with(path: &Path, lock: fn(&File) -> Result<(), TryLockError>) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match lock(&file) {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing releases it as well, if this failed.
        drop(self.0.unlock());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fork copies the descriptor, and the child closes its copy only when it executes its program.
    #[test]
    fn a_copied_descriptor_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.journal.lock");
        let first = FileLock::try_exclusive(&path).unwrap().unwrap();
        let copied = first.0.try_clone().unwrap();
        assert!(FileLock::try_exclusive(&path).unwrap().is_none(), "it is held");
        drop(first);
        assert!(FileLock::try_exclusive(&path).unwrap().is_some());
        drop(copied);
    }

    #[test]
    fn shared_locks_share_and_keep_an_exclusive_one_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relays");
        let both =
            [FileLock::try_shared(&path).unwrap().unwrap(), FileLock::try_shared(&path).unwrap().unwrap()];
        assert!(FileLock::try_exclusive(&path).unwrap().is_none());
        drop(both);
        assert!(FileLock::try_exclusive(&path).unwrap().is_some());
    }
}
