use std::path::{Path, PathBuf};
use std::sync::Arc;

use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_journal::JournalSettings;
use underpin_logger::{Context, info};
use underpin_store::{BucketSettings, JetStreamStore, MemoryKeyValue, Storage, StoreSettings};

use super::buckets::{Buckets, Store};
use crate::place::{Place, absolute};
use crate::{Nats, Opened, Opening, Plugin};

impl Store {
    /// Buckets in JetStream over this connection, applied or verified as the settings say. Without a connection, in memory: open the database
    /// before, and each bucket with `storage = "file"` keeps the journal `<database file>.<bucket>.store`, so that a `kill -9` loses no
    /// write; with a database in memory they keep none. On a database server such buckets are refused, since other machines share the
    /// database and not the buckets, unless [`OpenStore::folder`] names a folder.
    pub fn open(nats: &Nats, settings: &StoreSettings) -> OpenStore {
        OpenStore { nats: nats.clone(), settings: settings.clone(), folder: None }
    }
}

/// See [`Store::open`].
#[derive(Debug)]
#[must_use = "pass it to Start::plugin"]
pub struct OpenStore {
    nats: Nats,
    settings: StoreSettings,
    folder: Option<PathBuf>,
}

impl OpenStore {
    /// The folder of the journals of buckets in memory, for a service without a database in a file. It is created if it is missing.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    fn open_memory(&self, at: &Opening) -> Result<Buckets, Error> {
        self.settings.check()?;
        let open = |bucket: &BucketSettings| {
            let name = bucket.name.clone();
            let journal = if at.is_serving() { self.journal(bucket, at.data.get())? } else { None };
            let opened = match &journal {
                Some(journal) => {
                    create_folder_of(&journal.path)?;
                    MemoryKeyValue::open(bucket.clone(), journal, Arc::clone(&at.log))
                }
                None => MemoryKeyValue::new(bucket.clone()),
            };
            let journal = journal.map(|journal| journal.path.display().to_string());
            let opened = opened.with_context(|| match &journal {
                Some(journal) => format!("open the bucket {name} with its journal {journal}"),
                None => format!("open the bucket {name}"),
            })?;
            if at.is_serving() {
                let journal = journal.as_deref();
                info!(
                    at.log,
                    &Context::background(),
                    "bucket in memory opened",
                    bucket = name.as_str(),
                    journal
                );
            }
            Ok((name, opened))
        };
        Ok(Buckets::Memory(self.settings.buckets.iter().map(open).collect::<Result<_, Error>>()?))
    }

    /// Where the journal of a bucket belongs, if it needs one.
    fn journal(
        &self,
        bucket: &BucketSettings,
        place: Option<&Place>,
    ) -> Result<Option<JournalSettings>, Error> {
        let name = format!("{}.store", bucket.name);
        let refused =
            |why| Err(Error::new(Kind::FailedPrecondition, format!("bucket {}: {why}", bucket.name)));
        match (&self.folder, place) {
            _ if bucket.storage == Storage::Memory => Ok(None),
            (Some(folder), _) => Ok(Some(JournalSettings::new(absolute(&folder.join(name))))),
            (None, Some(Place::File(file))) => {
                Ok(Some(JournalSettings::new(absolute(&file.with_added_extension(name)))))
            }
            (None, Some(Place::Memory)) => Ok(None),
            (None, Some(Place::Server)) => refused(
                "the database is on a server, and a bucket in memory is in this process only: name the servers of NATS, or take SQLite for \
                 both, or set `storage` to `memory`",
            ),
            (None, None) => refused(
                "its journal is kept beside the SQLite file: open the database before the store, name a folder with OpenStore::folder, or set \
                 `storage` to `memory`",
            ),
        }
    }
}

fn create_folder_of(path: &Path) -> Result<(), Error> {
    let Some(folder) = path.parent() else { return Ok(()) };
    std::fs::create_dir_all(folder)
        .wrap_err_with(Kind::Internal, || format!("create the folder {} of the journal", folder.display()))
}

impl Plugin for OpenStore {
    type Handle = Store;

    async fn open(self, at: &Opening) -> Result<Opened<Store>, Error> {
        let backend = match self.nats.connection() {
            Some(connection) => {
                let opened =
                    JetStreamStore::open(connection.clone(), &self.settings, Arc::clone(&at.log)).await;
                let names = self.settings.buckets.iter().map(|bucket| bucket.name.clone()).collect();
                Buckets::JetStream(opened.context("open the buckets in JetStream")?, names)
            }
            None => self.open_memory(at)?,
        };
        let store = Store::new(backend);
        Ok(Opened::new(store.clone(), store))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_keeps_a_journal_unless_nothing_of_the_service_is_kept() {
        let open = |folder: Option<&str>, storage, place: Option<Place>| {
            let mut open = Store::open(&Nats::default(), &StoreSettings::default());
            open.folder = folder.map(PathBuf::from);
            let bucket = BucketSettings::new("links").storage(storage);
            open.journal(&bucket, place.as_ref()).map(|journal| journal.map(|journal| journal.path))
        };
        let file = || Some(Place::File("/data/app.db".into()));
        assert_eq!(open(None, Storage::File, file()).unwrap(), Some("/data/app.db.links.store".into()));
        assert_eq!(
            open(Some("/var"), Storage::File, Some(Place::Server)).unwrap(),
            Some("/var/links.store".into())
        );
        assert_eq!(open(None, Storage::File, Some(Place::Memory)).unwrap(), None);
        assert_eq!(open(None, Storage::Memory, Some(Place::Server)).unwrap(), None);
        for (place, remedy) in [(Some(Place::Server), "servers of NATS"), (None, "OpenStore::folder")] {
            let refused = open(None, Storage::File, place).unwrap_err();
            assert!(refused.report().to_string().contains(remedy), "{refused}");
        }
    }
}
