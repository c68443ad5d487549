use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use underpin_errors::HealthCheck;

use crate::{
    GetObject, ListObjects, ObjectData, ObjectExpect, ObjectInfo, ObjectName, ObjectPage, ObjectReader,
    Presign, PutObject, StoreError, Swept, WatchObjects,
};

/// Objects of any size: stored and read as streams, replaced as a whole, listed by prefix.
///
/// [`ObjectsExt`](crate::ObjectsExt) has the conveniences: whole bytes, and a writer.
///
/// **Visibility:** an object appears with its last byte and never in part; a put that fails changes nothing. **Retries:** reads are
/// repeated, data that was given as a stream is not. **Time:** no limit for a whole transfer; each step ends by the request timeout or
/// a small multiple of it.
#[async_trait]
pub trait Objects: HealthCheck + Send + Sync + 'static {
    /// Stores an object, or replaces the one with this name.
    ///
    /// Idempotency: with [`ObjectExpect::Absent`] and [`ObjectExpect::Version`] one of many identical calls stores.
    ///
    /// # Errors
    /// [`StoreError::Exists`] and [`StoreError::Conflict`] when the object is not as expected, [`StoreError::Data`] when the data
    /// ends with an error, [`StoreError::DigestMismatch`], [`StoreError::Full`], [`StoreError::InvalidOption`] for a time to live
    /// that the bucket cannot give, [`StoreError::Unconfirmed`] when the object may be stored, and those of the connection.
    ///
    /// # Cancel safety
    /// Dropped before the data was read, it stores nothing; later, the object may be stored as a whole. Data that was sent is
    /// removed by a task.
    async fn put(
        &self,
        name: &ObjectName,
        data: ObjectData,
        options: PutObject,
    ) -> Result<ObjectInfo, StoreError>;

    /// Opens an object; none when it is absent, deleted or expired.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has another version than asked for, [`StoreError::NoBucket`], and those of the connection.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn get(&self, name: &ObjectName, options: GetObject) -> Result<Option<ObjectReader>, StoreError>;

    /// What is known of an object; none when it is absent, deleted or expired.
    ///
    /// # Errors
    /// [`StoreError::NoBucket`], and those of the connection.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn head(&self, name: &ObjectName) -> Result<Option<ObjectInfo>, StoreError>;

    /// Deletes an object if it is as expected. Returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it has another version, [`StoreError::InvalidOption`] for [`ObjectExpect::Absent`],
    /// [`StoreError::Unconfirmed`], [`StoreError::Unsupported`] for an expectation that the backend cannot check, and those of
    /// [`head`](Self::head).
    ///
    /// # Cancel safety
    /// The object may be deleted.
    async fn delete(&self, name: &ObjectName, expect: ObjectExpect) -> Result<bool, StoreError>;

    /// Lists objects by name, a page at a time. Objects that are written meanwhile may be missing.
    ///
    /// In JetStream names are encoded, so a page reads the metadata of every object of the bucket.
    ///
    /// # Errors
    /// Those of [`head`](Self::head).
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn list(&self, options: ListObjects) -> Result<ObjectPage, StoreError>;

    /// Watches objects.
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] by a backend without, and those of [`head`](Self::head).
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn watch(&self, options: WatchObjects) -> Result<Box<dyn ObjectWatch>, StoreError>;

    /// Removes data without an object that is at least this old, as processes that were killed leave it, and records of deleted objects.
    ///
    /// An upload that pauses for longer than `older_than` counts as abandoned: stay above twice the [`PutObject::idle`] of every upload. A
    /// minute is safe with the defaults, however slow an upload is. Records of deleted objects stay for 30 minutes at least: a watch that was
    /// interrupted learns from them what was deleted.
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] by S3, where a rule of the life cycle does it, and those of [`head`](Self::head). What was removed before
    /// stays removed.
    ///
    /// # Cancel safety
    /// Some may be removed.
    async fn sweep(&self, older_than: Duration) -> Result<Swept, StoreError>;

    /// URLs with which others read and write without this process, where the backend has them.
    fn presign(&self) -> Option<&dyn Presign> {
        None
    }
}

const _: fn(&dyn Objects) = |_| ();

/// The changes of a bucket, each once and in their order. A slow reader may miss all but the last change of a name. Dropped, it ends.
#[async_trait]
pub trait ObjectWatch: Send {
    /// The next event. It waits as long as nothing changes.
    ///
    /// # Errors
    /// Those of [`Watch::next`](underpin_store::Watch::next).
    ///
    /// # Cancel safety
    /// Cancel safe: no event is lost.
    async fn next(&mut self) -> Result<ObjectEvent, StoreError>;

    /// Whether events arrive at the moment.
    fn health(&self) -> Arc<dyn HealthCheck>;
}

const _: fn(&dyn ObjectWatch) = |_| ();

/// An event of an [`ObjectWatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectEvent {
    /// An object was stored or replaced.
    Stored(ObjectInfo),
    /// An object was deleted.
    Deleted(ObjectName),
    /// The time to live of an object is over.
    Expired(ObjectName),
    /// Every object that was there at the start, or at the last [`Reset`](Self::Reset), has been delivered.
    Current,
    /// Deletions may have been missed. Drop what you know: the state follows, then [`Current`](Self::Current).
    Reset,
}
