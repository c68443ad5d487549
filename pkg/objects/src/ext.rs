use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

use crate::{
    GetObject, ListObjects, ObjectData, ObjectInfo, ObjectName, ObjectWriter, Objects, PutObject, StoreError,
};

/// Conveniences on every `Arc` of [`Objects`], trait objects included.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use tokio::io::AsyncWriteExt;
/// use underpin_objects::{BucketObjects, ObjectBucketSettings, ObjectName, Objects, ObjectsExt, PutObject};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let files: Arc<dyn Objects> = Arc::new(BucketObjects::memory(ObjectBucketSettings::new("files"))?);
/// files.put_bytes("a.txt", "hello").await?;
/// let mut writer = files.writer(ObjectName::new("b.txt")?, PutObject::default().content_type("text/plain"));
/// writer.write_all(b"hello, ").await?;
/// writer.write_all(b"world").await?;
/// assert_eq!(writer.finish().await?.size, 12);
/// assert_eq!(files.read_bytes("b.txt", 1024).await?.unwrap(), "hello, world");
/// assert_eq!(files.names("").await?.len(), 2);
/// # Ok(()) }
/// ```
pub trait ObjectsExt {
    /// Stores bytes, whatever was there.
    ///
    /// # Errors
    /// [`StoreError::InvalidName`], and those of [`Objects::put`].
    fn put_bytes(
        &self,
        name: impl AsRef<str> + Send,
        bytes: impl Into<Bytes> + Send,
    ) -> impl Future<Output = Result<ObjectInfo, StoreError>> + Send;

    /// Reads a whole object of at most `limit` bytes; none when it is absent.
    ///
    /// # Errors
    /// [`StoreError::InvalidName`], [`StoreError::TooLarge`], and those of [`Objects::get`] and its reader.
    fn read_bytes(
        &self,
        name: impl AsRef<str> + Send,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Bytes>, StoreError>> + Send;

    /// The names of all objects that begin with this, page by page.
    ///
    /// # Errors
    /// Those of [`Objects::list`].
    fn names(
        &self,
        prefix: impl Into<String> + Send,
    ) -> impl Future<Output = Result<Vec<ObjectName>, StoreError>> + Send;

    /// A writer, for code that pushes. The upload runs in a task.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    fn writer(&self, name: ObjectName, options: PutObject) -> ObjectWriter;
}

impl<O: Objects + ?Sized> ObjectsExt for Arc<O> {
    async fn put_bytes(
        &self,
        name: impl AsRef<str> + Send,
        bytes: impl Into<Bytes> + Send,
    ) -> Result<ObjectInfo, StoreError> {
        let name = ObjectName::new(name)?;
        self.put(&name, ObjectData::from(bytes), PutObject::default()).await
    }

    async fn read_bytes(
        &self,
        name: impl AsRef<str> + Send,
        limit: usize,
    ) -> Result<Option<Bytes>, StoreError> {
        match self.get(&ObjectName::new(name)?, GetObject::default()).await? {
            Some(reader) => reader.read_all(limit).await.map(Some),
            None => Ok(None),
        }
    }

    async fn names(&self, prefix: impl Into<String> + Send) -> Result<Vec<ObjectName>, StoreError> {
        let (mut options, mut names) = (ListObjects::default().prefix(prefix), Vec::new());
        loop {
            let page = self.list(options.clone()).await?;
            names.extend(page.objects.into_iter().map(|info| info.name));
            match page.next {
                Some(next) => options.after = Some(next),
                None => return Ok(names),
            }
        }
    }

    fn writer(&self, name: ObjectName, options: PutObject) -> ObjectWriter {
        ObjectWriter::new(Self::clone(self), name, options)
    }
}
