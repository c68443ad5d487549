use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use underpin_logger::{Context, Logger, error, info};

use crate::folder::{Folder, beside};
use crate::read::read;
use crate::{FileLock, JournalError, JournalSettings, JournalSync, frame};

/// The smallest journal that is compacted, in bytes. It is compacted when it has four times its compacted length.
const COMPACT_FROM: u64 = 16 * 1024 * 1024;

/// An open journal. A lock on a file beside it keeps other processes away.
pub struct Journal {
    path: PathBuf,
    file: Arc<File>,
    sync: JournalSync,
    /// The length of the whole records. What follows was written in part and is cut off.
    length: u64,
    compact_at: u64,
    /// The bytes appended since it was opened, those to replaced files included.
    appended: u64,
    /// After a failure it writes no further record: those that were acknowledged before stay readable.
    failed: bool,
    /// `Folder::sync`, save in the test of its failure.
    sync_folder: fn(&Folder) -> io::Result<()>,
    log: Arc<dyn Logger>,
    _lock: FileLock,
}

impl Journal {
    /// Opens or creates the file, and passes its records to `each`, oldest first. A torn last record is cut off.
    ///
    /// It reads the whole file, and blocks meanwhile.
    ///
    /// # Errors
    /// [`JournalError::Locked`], [`JournalError::Foreign`], [`JournalError::Damaged`], [`JournalError::Record`] when `each` refuses a record or
    /// it is no `R`, and [`JournalError::Io`].
    pub fn open<R: DeserializeOwned>(
        settings: &JournalSettings,
        log: Arc<dyn Logger>,
        mut each: impl FnMut(R) -> Result<(), JournalError>,
    ) -> Result<Self, JournalError> {
        let path = settings.path.clone();
        let lock =
            FileLock::try_exclusive(&beside(&path, "lock")).map_err(JournalError::io("lock the journal"))?;
        let lock = lock.ok_or(JournalError::Locked)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(JournalError::io("open the journal"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(JournalError::io("read the journal"))?;
        let whole = read(&bytes, &mut each)?;
        let mut journal = Self {
            path,
            file: Arc::new(file),
            sync: settings.sync,
            length: whole,
            compact_at: COMPACT_FROM,
            appended: 0,
            failed: false,
            sync_folder: Folder::sync,
            log,
            _lock: lock,
        };
        let torn = bytes.len() as u64 - whole;
        if torn > 0 {
            info!(journal.log, &Context::background(), "cut off a record that was written in part", torn);
            journal.cut().map_err(JournalError::io("cut the journal"))?;
        }
        if whole == 0 {
            journal.write(frame::MAGIC).map_err(JournalError::io("write the journal"))?;
            Folder::of(&journal.path)
                .and_then(|folder| folder.sync())
                .map_err(JournalError::io("write the journal"))?;
        }
        Ok(journal)
    }

    /// Appends records with one write: JSON objects, such as structs and enums of structs. After a failure none of them is stored.
    ///
    /// # Errors
    /// [`JournalError::Io`], and [`JournalError::Failed`] from then on.
    pub fn append<R: Serialize>(&mut self, records: impl IntoIterator<Item = R>) -> Result<(), JournalError> {
        if self.failed {
            return Err(JournalError::Failed);
        }
        let written = encode(records).and_then(|bytes| self.write(&bytes));
        written.inspect_err(|failure| self.fail(failure)).map_err(JournalError::io("write the journal"))
    }

    /// Whether most of it is obsolete: [`rewrite`](Self::rewrite) it.
    pub fn is_large(&self) -> bool {
        self.length >= self.compact_at && !self.failed
    }

    /// Replaces all records by these. If that fails before the new file has the name, the journal goes on with the old one. If it
    /// fails later, a power failure may leave either of the two, so the journal fails.
    pub fn rewrite<R: Serialize>(&mut self, records: impl IntoIterator<Item = R>) {
        match self.replace(records) {
            Ok(Replaced { file, length, folder }) => {
                (self.file, self.length) = (Arc::new(file), length);
                self.compact_at = COMPACT_FROM.max(length.saturating_mul(4));
                if let Err(failure) = (self.sync_folder)(&folder) {
                    self.fail(&failure);
                }
            }
            Err(failure) => {
                self.compact_at = self.length.saturating_mul(2);
                error!(self.log, &Context::background(), &failure, "could not compact the journal");
            }
        }
    }

    /// The file to sync and the bytes that are then on the disk, for [`SharedSync`](crate::SharedSync); none where the operating system
    /// decides when, unless `forced`.
    ///
    /// # Errors
    /// Once the journal has failed: the file may not be the one that the next start reads.
    pub fn sync_point(&self, forced: bool) -> io::Result<Option<(Arc<File>, u64)>> {
        if !forced && self.sync != JournalSync::Always {
            return Ok(None);
        }
        if self.failed {
            return Err(io::Error::other("the journal failed"));
        }
        Ok(Some((Arc::clone(&self.file), self.appended)))
    }

    /// Whether nothing more is accepted.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Accepts nothing more, since what is on the disk is uncertain.
    pub fn fail(&mut self, failure: &io::Error) {
        if !std::mem::replace(&mut self.failed, true) {
            error!(self.log, &Context::background(), failure, "the journal failed, nothing more is stored");
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(failure) = (&*self.file).write_all(bytes) {
            // A part may be written. A later start would cut it off; this process must not write after it.
            self.cut()?;
            return Err(failure);
        }
        self.length += bytes.len() as u64;
        self.appended += bytes.len() as u64;
        Ok(())
    }

    fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        (&*self.file).seek(SeekFrom::Start(self.length)).map(drop)
    }

    /// Writes the new file and renames it. Everything that may fail for lack of a resource happens before.
    fn replace<R: Serialize>(&self, records: impl IntoIterator<Item = R>) -> io::Result<Replaced> {
        let mut bytes = frame::MAGIC.to_vec();
        bytes.extend(encode(records)?);
        let fresh = beside(&self.path, "new");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&fresh)?;
        file.write_all(&bytes)?;
        // The new file must be on the disk before it replaces the old one.
        file.sync_all()?;
        let folder = Folder::of(&self.path)?;
        std::fs::rename(&fresh, &self.path)?;
        Ok(Replaced { file, length: bytes.len() as u64, folder })
    }
}

fn encode<R: Serialize>(records: impl IntoIterator<Item = R>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for record in records {
        let body = serde_json::to_vec(&record)?;
        // Only the first and the last byte of an object tell a torn record from a damaged one.
        if !body.starts_with(b"{") {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a record must be a JSON object"));
        }
        frame::write(&mut bytes, &body);
    }
    Ok(bytes)
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.path)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// A file that has replaced another, and the folder whose sync makes that permanent.
struct Replaced {
    file: File,
    length: u64,
    folder: Folder,
}

#[cfg(test)]
mod tests {
    use underpin_logger::NoopLogger;

    use super::*;

    #[derive(Debug, Serialize, serde::Deserialize)]
    struct Gone {
        id: u64,
    }

    fn records_in(settings: &JournalSettings) -> usize {
        let mut records = 0;
        let count = |_: Gone| {
            records += 1;
            Ok(())
        };
        Journal::open(settings, Arc::new(NoopLogger), count).unwrap();
        records
    }

    #[test]
    fn behind_a_failed_write_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let settings = JournalSettings::new(folder.path().join("journal"));
        let mut journal = Journal::open(&settings, Arc::new(NoopLogger), |_: Gone| Ok(())).unwrap();
        let writable = Arc::clone(&journal.file);
        journal.file = Arc::new(File::open(&settings.path).unwrap());
        assert!(journal.append([Gone { id: 1 }]).is_err());
        journal.file = writable;
        assert!(journal.append([Gone { id: 2 }]).is_err() && journal.has_failed());
        drop(journal);
        assert_eq!(records_in(&settings), 0);
    }

    /// What is written after the file has another one in its position goes into that one, or is refused.
    #[test]
    fn a_new_file_is_taken_once_it_has_the_name_even_if_its_folder_is_not_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let settings = JournalSettings::new(folder.path().join("journal"));
        let mut journal = Journal::open(&settings, Arc::new(NoopLogger), |_: Gone| Ok(())).unwrap();
        journal.append([Gone { id: 1 }]).unwrap();
        journal.sync_folder = |_| Err(io::Error::other("EIO"));
        journal.rewrite([Gone { id: 1 }]);
        let acknowledged = journal.append([Gone { id: 2 }]).is_ok();
        assert!(journal.has_failed() && journal.sync_point(true).is_err());
        drop(journal);
        assert_eq!((acknowledged, records_in(&settings)), (false, 1), "acknowledged and not there");
    }

    #[test]
    fn one_process_has_it_open_and_a_record_is_an_object() {
        let folder = tempfile::tempdir().unwrap();
        let settings = JournalSettings::new(folder.path().join("journal"));
        let mut journal = Journal::open(&settings, Arc::new(NoopLogger), |_: Gone| Ok(())).unwrap();
        let second = Journal::open(&settings, Arc::new(NoopLogger), |_: Gone| Ok(()));
        assert!(matches!(second, Err(JournalError::Locked)));
        assert!(journal.append(["text"]).is_err() && journal.has_failed());
    }
}
