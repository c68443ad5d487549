//! Uploads: at once where the data fits into a part, else in parts.

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use object_store::{
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, UpdateVersion,
};
use ring::digest::{Context, SHA256};
use tokio::time::timeout;

use super::parts::{OPERATION, PartSettings, Parts};
use super::{attributes, failure};
use crate::{ObjectDigest, ObjectExpect, PutObject, StoreError};

pub(super) struct ExternalUpload<'a> {
    pub(super) store: &'a dyn ObjectStore,
    pub(super) path: object_store::path::Path,
    pub(super) options: PutObject,
    /// Whether the store keeps attributes.
    pub(super) attributes: bool,
    pub(super) parts: PartSettings,
}

/// What was stored.
pub(super) struct Stored {
    pub(super) result: PutResult,
    pub(super) size: u64,
    /// The digest that is kept with it.
    pub(super) digest: Option<ObjectDigest>,
}

impl ExternalUpload<'_> {
    pub(super) async fn run(
        self,
        mut pieces: BoxStream<'static, Result<Bytes, StoreError>>,
    ) -> Result<Stored, StoreError> {
        let (mut context, mut size, mut first) = (Context::new(&SHA256), 0, Vec::new());
        let mut parts: Option<Parts> = None;
        let stalled = |_| StoreError::Timeout { operation: "read the data", within: self.options.idle };
        while let Some(piece) = timeout(self.options.idle, pieces.try_next()).await.map_err(stalled)?? {
            context.update(&piece);
            size += piece.len();
            if parts.is_none() && size <= self.parts.part_size {
                first.push(piece);
                continue;
            }
            let parts = match &mut parts {
                Some(parts) => parts,
                none => none.insert(self.begin().await?),
            };
            for piece in first.drain(..).chain([piece]) {
                parts.write(piece).await?;
            }
        }
        let digest = ObjectDigest::from_ring(context.finish());
        if self.options.digest.is_some_and(|expected| expected != digest) {
            return Err(StoreError::DigestMismatch);
        }
        let size = size as u64;
        match parts {
            // The attributes were sent before the digest was known.
            Some(parts) => {
                let digest = self.options.digest.filter(|_| self.attributes);
                Ok(Stored { result: parts.finish().await?, size, digest })
            }
            None => {
                let digest = Some(digest).filter(|_| self.attributes);
                let options = PutOptions {
                    mode: mode(&self.options.expect),
                    attributes: attributes::of(&self.options, digest.as_ref()),
                    ..PutOptions::default()
                };
                let result = self.store.put_opts(&self.path, PutPayload::from_iter(first), options).await;
                let result = result.map_err(|error| match (&self.options.expect, error) {
                    // Of a version of what is not there.
                    (ObjectExpect::Version(_), object_store::Error::NotFound { .. }) => {
                        StoreError::Conflict { current: None }
                    }
                    (_, error) => failure::of_write(OPERATION, error),
                })?;
                Ok(Stored { result, size, digest })
            }
        }
    }

    async fn begin(&self) -> Result<Parts, StoreError> {
        if self.options.expect != ObjectExpect::Anything {
            let feature = "an expectation on an object larger than `part_size`; raise it, or expect anything";
            return Err(StoreError::Unsupported { feature });
        }
        let attributes =
            attributes::of(&self.options, self.options.digest.as_ref().filter(|_| self.attributes));
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let begun = self.store.put_multipart_opts(&self.path, options).await;
        let begun = begun.map_err(|error| failure::of(OPERATION, error))?;
        Ok(Parts::new(begun, self.parts.clone()))
    }
}

fn mode(expect: &ObjectExpect) -> PutMode {
    match expect {
        ObjectExpect::Anything => PutMode::Overwrite,
        ObjectExpect::Absent => PutMode::Create,
        ObjectExpect::Version(version) => {
            PutMode::Update(UpdateVersion { e_tag: Some(version.to_string()), version: None })
        }
    }
}
