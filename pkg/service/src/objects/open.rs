use std::path::PathBuf;
use std::sync::Arc;

use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::{Context, info};
use underpin_objects::{
    BucketObjects, ExternalObjects, JetStreamObjects, ObjectBucketSettings, ObjectsSettings, Storage,
};

use super::buckets::{ObjectStore, OpenedBucket};
use crate::place::{Place, absolute};
use crate::{Nats, Opened, Opening, Plugin};

impl ObjectStore {
    /// Buckets in JetStream over this connection, applied or verified as the settings say. Without a connection, on this machine: open the
    /// database before, and each bucket with `storage = "file"` is the folder `<database file>.<bucket>.objects`; buckets with
    /// `storage = "memory"`, and all of them with a database in memory, are in memory. On a database server folders are refused, since
    /// other machines share the database and not the folders, unless [`OpenObjectStore::folder`] names one.
    ///
    /// A folder keeps no time to live, media type or metadata, and has no watch: see [`ExternalObjects`].
    pub fn open(nats: &Nats, settings: &ObjectsSettings) -> OpenObjectStore {
        OpenObjectStore { nats: nats.clone(), settings: settings.clone(), folder: None }
    }
}

/// See [`ObjectStore::open`].
#[derive(Debug)]
#[must_use = "pass it to Start::plugin"]
pub struct OpenObjectStore {
    nats: Nats,
    settings: ObjectsSettings,
    folder: Option<PathBuf>,
}

impl OpenObjectStore {
    /// The folder of the buckets, for a service without a database in a file. It is created if it is missing.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    fn open_embedded(&self, bucket: &ObjectBucketSettings, at: &Opening) -> Result<OpenedBucket, Error> {
        let name = &bucket.name;
        let Some(folder) = self.folder_of(bucket, at.data.get())? else {
            let opened = BucketObjects::memory(bucket.clone());
            return Ok(OpenedBucket::Bucket(opened.with_context(|| format!("open the bucket {name}"))?));
        };
        let path = folder.display().to_string();
        let opened = ExternalObjects::folder(folder)
            .with_context(|| format!("open the bucket {name} in the folder {path}"))?;
        if at.is_serving() {
            info!(at.log, &Context::background(), "bucket in a folder opened", bucket = name, folder = path);
        }
        Ok(OpenedBucket::Folder(opened))
    }

    /// The folder of a bucket; none for one in memory.
    fn folder_of(
        &self,
        bucket: &ObjectBucketSettings,
        place: Option<&Place>,
    ) -> Result<Option<PathBuf>, Error> {
        let name = format!("{}.objects", bucket.name);
        let refused =
            |why| Err(Error::new(Kind::FailedPrecondition, format!("bucket {}: {why}", bucket.name)));
        let folder = match (&self.folder, place) {
            _ if bucket.storage == Storage::Memory => return Ok(None),
            (Some(folder), _) => folder.join(name),
            (None, Some(Place::File(file))) => file.with_added_extension(name),
            (None, Some(Place::Memory)) => return Ok(None),
            (None, Some(Place::Server)) => {
                return refused(
                    "the database is on a server, and a folder is on this machine only: name the servers of NATS, or take SQLite for both, or \
                     name a folder with OpenObjectStore::folder, or set `storage` to `memory`",
                );
            }
            (None, None) => {
                return refused(
                    "it is a folder beside the SQLite file: open the database before the objects, name a folder with OpenObjectStore::folder, \
                     or set `storage` to `memory`",
                );
            }
        };
        if bucket.ttl.is_some() || bucket.object_ttl || bucket.max_bytes.is_some() {
            return refused(
                "a folder has no time to live and no limit: name the servers of NATS, or remove `ttl`, `object_ttl` and `max_bytes`, or set \
                 `storage` to `memory`",
            );
        }
        Ok(Some(absolute(&folder)))
    }
}

impl Plugin for OpenObjectStore {
    type Handle = ObjectStore;

    async fn open(self, at: &Opening) -> Result<Opened<ObjectStore>, Error> {
        self.settings.check()?;
        let jetstream = match self.nats.connection() {
            Some(connection) => {
                let opened =
                    JetStreamObjects::open(connection.clone(), &self.settings, Arc::clone(&at.log)).await;
                Some(opened.context("open the object buckets in JetStream")?)
            }
            None => None,
        };
        let open = |bucket: &ObjectBucketSettings| {
            let opened = match &jetstream {
                Some(jetstream) => OpenedBucket::Bucket(jetstream.bucket(&bucket.name)?),
                None => self.open_embedded(bucket, at)?,
            };
            Ok((bucket.name.clone(), opened))
        };
        let buckets = self.settings.buckets.iter().map(open).collect::<Result<_, Error>>()?;
        let store = ObjectStore::new(jetstream, buckets);
        Ok(Opened::new(store.clone(), store))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_is_a_folder_unless_nothing_of_the_service_is_kept() {
        let files = ObjectBucketSettings::new("files");
        let open = |folder: Option<&str>, bucket: &ObjectBucketSettings, place: Option<Place>| {
            let mut open = ObjectStore::open(&Nats::default(), &ObjectsSettings::default());
            open.folder = folder.map(PathBuf::from);
            open.folder_of(bucket, place.as_ref())
        };
        let file = || Some(Place::File("/data/app.db".into()));
        assert_eq!(open(None, &files, file()).unwrap(), Some("/data/app.db.files.objects".into()));
        let named = open(Some("/var"), &files, Some(Place::Server)).unwrap();
        assert_eq!(named, Some("/var/files.objects".into()));
        assert_eq!(open(None, &files, Some(Place::Memory)).unwrap(), None);
        let memory = files.clone().storage(Storage::Memory);
        assert_eq!(open(None, &memory, Some(Place::Server)).unwrap(), None);
        let expiring = files.clone().ttl(Duration::from_secs(60));
        for (bucket, place, remedy) in [
            (&files, Some(Place::Server), "servers of NATS"),
            (&files, None, "OpenObjectStore::folder"),
            (&expiring, file(), "remove `ttl`"),
        ] {
            let refused = open(None, bucket, place).unwrap_err();
            assert!(refused.report().to_string().contains(remedy), "{refused}");
        }
    }
}
