//! The two ways to upload: in one request, or by a signed link.
#![allow(unused_qualifications, reason = "utoipa writes paths in full")]

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::Serialize;
use underpin_errors::Error;
use underpin_logger::Context;
use underpin_objects::{ObjectDigest, ObjectExpect, PresignUpload};
use utoipa::ToSchema;
use uuid::Uuid;

use super::link::digest_header;
use super::{FileRecord, Files, NewFile, UploadLink, now, object};

/// An upload that was announced.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Initiated {
    #[schema(value_type = String)]
    id: Uuid,
    upload: UploadRequest,
}

/// The request with which the data is sent, by whoever has it: exactly these headers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UploadRequest {
    method: &'static str,
    /// Of S3, or a path of this service.
    url: String,
    headers: BTreeMap<String, String>,
    expires_at: String,
}

impl Files {
    /// Stores a file in one request. Returned is committed.
    ///
    /// # Errors
    /// Those of `receive`, 408 `UPLOAD_EXPIRED`, and what the database says.
    pub(crate) async fn upload(&self, ctx: &Context, new: &NewFile, data: Body) -> Result<FileRecord, Error> {
        let expires = now() + seconds(self.settings.abandoned_after);
        let mut file = self.table.announce(ctx, new, (0, String::new()), expires).await?;
        // What fails here leaves a pending row to the sweeper, as a process does that is killed here.
        let (size, digest) = self.receive(file.id, data, None).await?;
        (file.size, file.sha256) = (size, digest.to_string());
        self.publish(ctx, file).await
    }

    /// Announces a file, and signs the request that uploads it: to S3 where the backend is S3, otherwise to this service.
    ///
    /// # Errors
    /// 413 `FILE_TOO_LARGE`, and what database and store say.
    pub(crate) async fn initiate(
        &self,
        ctx: &Context,
        new: &NewFile,
        (size, digest): (u64, ObjectDigest),
    ) -> Result<Initiated, Error> {
        self.check_size(size)?;
        let lasts = self.settings.link_lasts;
        let expires = now() + seconds(lasts);
        let swept = expires + seconds(self.settings.abandoned_after);
        let file = self.table.announce(ctx, new, (size, digest.to_string()), swept).await?;
        let (url, headers) = match self.objects.presign() {
            Some(presign) => {
                let upload = PresignUpload::new(size, digest).content_type(file.content_type);
                let request = presign.presign_put(&object(file.id)?, upload, lasts).await?;
                (request.url, request.headers.into_iter().collect())
            }
            None => {
                let digest = digest_header(&digest);
                let values = [("digest", digest), ("length", size.to_string()), ("type", file.content_type)];
                let headers = values.map(|(name, value)| (format!("content-{name}"), value)).into();
                (self.links.sign(file.id, &headers, expires), headers)
            }
        };
        let expires_at = Timestamp::from_second(expires).unwrap_or_default().to_string();
        Ok(Initiated { id: file.id, upload: UploadRequest { method: "PUT", url, headers, expires_at } })
    }

    /// Takes the data that a link of this service permits.
    ///
    /// # Errors
    /// 403 `INVALID_SIGNATURE`, `LINK_EXPIRED`; 404 `UPLOAD_NOT_FOUND`; those of `receive`.
    pub(crate) async fn accept(
        &self,
        ctx: &Context,
        id: Uuid,
        link: &UploadLink,
        (headers, data): (&HeaderMap, Body),
    ) -> Result<(), Error> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        self.links.check(id, link, header, now())?;
        let file = self.table.find(ctx, id).await?;
        let digest = file.and_then(|file| file.announced()).ok_or_else(no_upload)?;
        self.receive(id, data, Some(digest)).await.map(drop)
    }

    /// Completes an upload by a link, once its data is what was announced. Again, it changes nothing.
    ///
    /// # Errors
    /// 404 `UPLOAD_NOT_FOUND`, 409 `UPLOAD_MISSING` and `DIGEST_MISMATCH`, and what database and store say.
    pub(crate) async fn complete(&self, ctx: &Context, id: Uuid) -> Result<FileRecord, Error> {
        let file = self.table.find(ctx, id).await?.ok_or_else(no_upload)?;
        if file.is_ready() {
            return Ok(file);
        }
        let digest = file.announced().ok_or_else(no_upload)?;
        self.compare(id, (file.size, digest)).await?;
        self.publish(ctx, file).await
    }

    /// Makes a file visible: from now on it survives whatever is killed.
    async fn publish(&self, ctx: &Context, file: FileRecord) -> Result<FileRecord, Error> {
        // Or it was completed by another request at the same time.
        if self.table.publish(ctx, &file).await? || self.find(ctx, file.id).await.is_ok() {
            return Ok(file);
        }
        // The sweeper took it for abandoned: the data may have come after its sweep.
        self.objects.delete(&object(file.id)?, ObjectExpect::Anything).await?;
        Err(Error::http(408, "the upload took longer than it may").code("UPLOAD_EXPIRED"))
    }
}

fn no_upload() -> Error {
    Error::not_found("there is no such upload, or no more").code("UPLOAD_NOT_FOUND")
}

fn seconds(duration: Duration) -> i64 {
    duration.as_secs().cast_signed()
}
