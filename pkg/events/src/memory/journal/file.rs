use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use underpin_logger::{Context, Logger, error, info};

use super::folder::{Folder, Lock, beside, lock};
use super::frame::{self, Frame};
use super::record::Record;
use super::settings::{JournalSettings, JournalSync};
use crate::EventsError;

/// The smallest journal that is compacted, in bytes. It is compacted when it has four times its compacted length.
const COMPACT_FROM: u64 = 16 * 1024 * 1024;

/// An open journal. A lock on a file beside it keeps other processes away.
pub(in crate::memory) struct Journal {
    path: PathBuf,
    file: Arc<File>,
    sync: JournalSync,
    /// The length of the whole records. What follows was written in part and is cut off.
    length: u64,
    compact_at: u64,
    /// The bytes appended since it was opened, those to replaced files included.
    appended: u64,
    /// Nothing is written after a failure: what was acknowledged before stays readable.
    failed: bool,
    /// [`Folder::sync`], save in the test of its failure.
    sync_folder: fn(&Folder) -> io::Result<()>,
    log: Arc<dyn Logger>,
    _lock: Lock,
}

impl Journal {
    /// Opens or creates the file, and passes its records to `each`. A torn last record is cut off.
    pub(in crate::memory) fn open(
        settings: &JournalSettings,
        log: Arc<dyn Logger>,
        mut each: impl FnMut(Record<'static>) -> Result<(), EventsError>,
    ) -> Result<Self, EventsError> {
        let path = settings.path.clone();
        let lock = lock(&path).map_err(failed("lock the journal"))?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open the journal"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed("read the journal"))?;
        let whole = read(&bytes, &mut each)?;
        let mut journal = Self {
            path,
            file: Arc::new(file),
            sync: settings.sync,
            length: whole,
            compact_at: COMPACT_FROM.max(whole.saturating_mul(4)),
            appended: 0,
            failed: false,
            sync_folder: Folder::sync,
            log,
            _lock: lock,
        };
        let torn = bytes.len() as u64 - whole;
        if torn > 0 {
            info!(journal.log, &Context::background(), "cut off a record that was written in part", torn);
            journal.cut().map_err(failed("cut the journal"))?;
        }
        if whole == 0 {
            journal.write(frame::MAGIC).map_err(failed("write the journal"))?;
            Folder::of(&journal.path)
                .and_then(|folder| folder.sync())
                .map_err(failed("write the journal"))?;
        }
        Ok(journal)
    }

    /// Appends records with one write. After a failure none of them is stored.
    pub(in crate::memory) fn append<'a>(
        &mut self,
        records: impl IntoIterator<Item = Record<'a>>,
    ) -> Result<(), EventsError> {
        if self.failed {
            return Err(EventsError::backend("journal", "an earlier write failed"));
        }
        let written = encode(records).and_then(|bytes| self.write(&bytes));
        written.inspect_err(|failure| self.fail(failure)).map_err(failed("journal"))
    }

    /// Whether it should be compacted.
    pub(in crate::memory) fn is_large(&self) -> bool {
        self.length >= self.compact_at && !self.failed
    }

    /// Replaces all records by these. If that fails before the new file has the name, the journal goes on with the old one. If it
    /// fails later, a power failure may leave either of the two, so the journal fails.
    pub(in crate::memory) fn rewrite<'a>(&mut self, records: impl IntoIterator<Item = Record<'a>>) {
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

    /// The file to sync and the bytes that are then on the disk; none where the operating system decides when.
    ///
    /// # Errors
    /// Once the journal has failed: the file may not be the one that the next start reads.
    pub(in crate::memory) fn sync_point(&self, forced: bool) -> Option<io::Result<(Arc<File>, u64)>> {
        (forced || self.sync == JournalSync::Always).then(|| {
            if self.failed {
                return Err(io::Error::other("the journal failed"));
            }
            Ok((Arc::clone(&self.file), self.appended))
        })
    }

    pub(in crate::memory) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Accepts nothing more, since what is on the disk is uncertain.
    pub(in crate::memory) fn fail(&mut self, failure: &io::Error) {
        if !std::mem::replace(&mut self.failed, true) {
            error!(
                self.log,
                &Context::background(),
                failure,
                "the journal failed, nothing more is published"
            );
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
    fn replace<'a>(&self, records: impl IntoIterator<Item = Record<'a>>) -> io::Result<Replaced> {
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

/// Passes every whole record to `each`, and returns where they end.
fn read(
    bytes: &[u8],
    each: &mut impl FnMut(Record<'static>) -> Result<(), EventsError>,
) -> Result<u64, EventsError> {
    let Some(mut rest) = bytes.strip_prefix(frame::MAGIC) else {
        // A process that dies while it creates the file leaves a part of the first bytes.
        if frame::MAGIC.starts_with(bytes) {
            return Ok(0);
        }
        return Err(EventsError::backend("read the journal", "the file is not a journal of this version"));
    };
    loop {
        let at = bytes.len() - rest.len();
        match frame::read(rest) {
            Frame::Whole(body, after) => {
                let record = serde_json::from_slice(body);
                each(record.map_err(|error| EventsError::backend("read the journal", error))?)?;
                rest = after;
            }
            Frame::End | Frame::Torn => return Ok(at as u64),
            Frame::Damaged => {
                let what = format!("the record at byte {at} is damaged, and whole ones follow it");
                return Err(EventsError::backend("read the journal", what));
            }
        }
    }
}

fn encode<'a>(records: impl IntoIterator<Item = Record<'a>>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for record in records {
        frame::write(&mut bytes, &serde_json::to_vec(&record)?);
    }
    Ok(bytes)
}

/// A file that has replaced another, and the folder whose sync makes that permanent.
struct Replaced {
    file: File,
    length: u64,
    folder: Folder,
}

fn failed(operation: &'static str) -> impl Fn(io::Error) -> EventsError {
    move |error| EventsError::backend(operation, error)
}

#[cfg(test)]
mod tests {
    use underpin_logger::NoopLogger;

    use super::*;

    fn records_in(settings: &JournalSettings) -> usize {
        let mut records = 0;
        let count = |_| {
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
        let mut journal = Journal::open(&settings, Arc::new(NoopLogger), |_| Ok(())).unwrap();
        let writable = Arc::clone(&journal.file);
        journal.file = Arc::new(File::open(&settings.path).unwrap());
        assert!(journal.append([Record::DeadLetterGone { id: 1 }]).is_err());
        journal.file = writable;
        assert!(journal.append([Record::DeadLetterGone { id: 2 }]).is_err() && journal.has_failed());
        drop(journal);
        assert_eq!(records_in(&settings), 0);
    }
    /// What is written after the file has another one in its position goes into that one, or is refused.
    #[test]
    fn a_new_file_is_taken_once_it_has_the_name_even_if_its_folder_is_not_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let settings = JournalSettings::new(folder.path().join("journal"));
        let mut journal = Journal::open(&settings, Arc::new(NoopLogger), |_| Ok(())).unwrap();
        journal.append([Record::DeadLetterGone { id: 1 }]).unwrap();
        journal.sync_folder = |_| Err(io::Error::other("EIO"));
        journal.rewrite([Record::DeadLetterGone { id: 1 }]);
        let acknowledged = journal.append([Record::DeadLetterGone { id: 2 }]).is_ok();
        assert!(journal.has_failed() && journal.sync_point(true).is_none_or(|point| point.is_err()));
        drop(journal);
        assert_eq!((acknowledged, records_in(&settings)), (false, 1), "acknowledged and not there");
    }
}
