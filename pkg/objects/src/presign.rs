use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::{ObjectDigest, ObjectName, StoreError};

/// URLs that carry a permission: for one object and for a time, so that clients move data without passing through the service.
///
/// A backend that has them returns itself from [`Objects::presign`](crate::Objects::presign).
#[async_trait]
pub trait Presign: Send + Sync + 'static {
    /// A URL that reads an object. It is made whether or not the object exists.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] for a time outside 1s to 7 days, and those of the credentials.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn presign_get(&self, name: &ObjectName, lasts: Duration) -> Result<PresignedRequest, StoreError>;

    /// A URL that stores an object with exactly this length, digest and media type: another upload is refused by the backend.
    ///
    /// # Errors
    /// Those of [`presign_get`](Self::presign_get).
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn presign_put(
        &self,
        name: &ObjectName,
        upload: PresignUpload,
        lasts: Duration,
    ) -> Result<PresignedRequest, StoreError>;
}

const _: fn(&dyn Presign) = |_| ();

/// The upload that a URL permits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresignUpload {
    /// Its size in bytes.
    pub length: u64,
    /// The SHA-256 that it must have.
    pub digest: ObjectDigest,
    /// Its media type.
    pub content_type: Option<String>,
}

impl PresignUpload {
    /// An upload of this size and digest.
    pub fn new(length: u64, digest: ObjectDigest) -> Self {
        Self { length, digest, content_type: None }
    }

    underpin_config::setters! {
        /// Sets the media type.
        content_type: impl Into<String> => Some(content_type.into());
    }
}

/// A request that a client may send until it expires. The URL is a secret for as long.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresignedRequest {
    /// `GET` or `PUT`.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// The headers that the client must send, as they are.
    pub headers: Vec<(String, String)>,
}

impl PresignedRequest {
    /// A request.
    pub fn new(method: &'static str, url: impl Into<String>, headers: Vec<(String, String)>) -> Self {
        Self { method, url: url.into(), headers }
    }
}

impl fmt::Debug for PresignedRequest {
    /// Without the URL, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignedRequest")
            .field("method", &self.method)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
