use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};
use underpin_errors::BoxError;

use super::fault::WORKERS;
use super::worker::log_file;

/// What the workers wrote into their logs, counted. A worker that was killed between an act and its record did a little
/// more than this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Journal {
    /// Events that relays published and the broker stored.
    pub published: u64,
    /// Events that relays published again, and the broker dropped by their id.
    pub dropped_by_broker: u64,
    /// Publishes without a confirmation.
    pub unconfirmed: u64,
    /// Deliveries to a handler that ended in an effect.
    pub applied: u64,
    /// Deliveries of an event whose effect was there, and which the inbox suppressed.
    pub suppressed: u64,
    /// Attempts of a handler that failed.
    pub failed_attempts: u64,
    /// Transfers whose commit was not acknowledged.
    pub unacknowledged: u64,
    /// Processes that began.
    pub started: u64,
    /// Lines that are no records.
    pub unreadable: u64,
}

#[derive(Deserialize)]
struct Record {
    msg: String,
    #[serde(default)]
    stored: u64,
    #[serde(default)]
    known: u64,
    #[serde(default)]
    failed: u64,
}

impl Journal {
    /// Reads all logs of a run.
    pub(crate) fn read(folder: &Path) -> Result<Self, BoxError> {
        let mut journal = Self::default();
        for worker in WORKERS {
            journal.add(folder, worker)?;
        }
        Ok(journal)
    }

    /// Reads the log of one worker.
    pub(crate) fn of(folder: &Path, worker: &str) -> Result<Self, BoxError> {
        let mut journal = Self::default();
        journal.add(folder, worker)?;
        Ok(journal)
    }

    fn add(&mut self, folder: &Path, worker: &str) -> Result<(), BoxError> {
        match File::open(log_file(folder, worker)) {
            Ok(file) => {
                for line in BufReader::new(file).lines() {
                    self.count(&line?);
                }
                Ok(())
            }
            // A run need not have all workers.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn count(&mut self, line: &str) {
        let Ok(record) = serde_json::from_str::<Record>(line) else {
            self.unreadable += 1;
            return;
        };
        match record.msg.as_str() {
            "batch published" => {
                self.published += record.stored;
                self.dropped_by_broker += record.known;
                self.unconfirmed += record.failed;
            }
            "event applied" => self.applied += 1,
            "duplicate suppressed" => self.suppressed += 1,
            "event not applied" => self.failed_attempts += 1,
            "transfer not acknowledged" => self.unacknowledged += 1,
            "worker started" => self.started += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_and_torn_lines_told() {
        let folder = tempfile::tempdir().unwrap();
        let log = concat!(
            r#"{"ts":"x","level":"info","msg":"batch published","stored":3,"known":1,"failed":0}"#,
            "\n",
            r#"{"ts":"x","level":"info","msg":"worker started","pid":7}"#,
            "\n{\"ts\":\n"
        );
        std::fs::write(log_file(folder.path(), "relay-2"), log).unwrap();
        let expected =
            Journal { published: 3, dropped_by_broker: 1, started: 1, unreadable: 1, ..Journal::default() };
        assert_eq!(Journal::read(folder.path()).unwrap(), expected);
    }
}
