//! Data on its way into the store, and on its way back to be compared.

use axum::body::Body;
use futures_util::StreamExt as _;
use ring::digest::{Context as Sha256, SHA256};
use tokio::io::AsyncWriteExt as _;
use underpin_errors::Error;
use underpin_objects::{GetObject, ObjectDigest, ObjectsExt as _, PutObject, StoreError};
use uuid::Uuid;

use super::{Files, object};

/// Size and digest of data that passes.
struct Meter {
    size: u64,
    sha256: Sha256,
}

impl Files {
    /// Stores data as it comes; its size and digest. Nothing of it is visible before its last byte, and none if it has another digest than
    /// expected.
    ///
    /// # Errors
    /// 413 `FILE_TOO_LARGE`, 400 `UPLOAD_CUT` and `DIGEST_MISMATCH`, and what the store says.
    pub(super) async fn receive(
        &self,
        id: Uuid,
        data: Body,
        expected: Option<ObjectDigest>,
    ) -> Result<(u64, ObjectDigest), Error> {
        let mut options = PutObject::default();
        options.digest = expected;
        // Dropped by a return, or with the request of a client that is gone, it stores nothing.
        let mut writer = self.objects.writer(object(id)?, options);
        let (mut meter, mut pieces) = (Meter::new(), data.into_data_stream());
        while let Some(piece) = pieces.next().await {
            let cut = |cause| Error::bad_request("the data ended early").code("UPLOAD_CUT").caused_by(cause);
            let piece = piece.map_err(cut)?;
            meter.take(&piece);
            self.check_size(meter.size)?;
            if writer.write_all(&piece).await.is_err() {
                // `finish` tells why.
                break;
            }
        }
        match writer.finish().await {
            Ok(_) => Ok(meter.finish()),
            Err(StoreError::DigestMismatch) => {
                Err(Error::bad_request("the data has another SHA-256 than was given").code("DIGEST_MISMATCH"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads data that others may have stored, and compares it. What the store notes about it is not asked: a client may have written that.
    ///
    /// # Errors
    /// 409 `UPLOAD_MISSING` and `DIGEST_MISMATCH`, and what the store says.
    pub(super) async fn compare(&self, id: Uuid, expected: (u64, ObjectDigest)) -> Result<(), Error> {
        let found = self.objects.get(&object(id)?, GetObject::default()).await?;
        let missing = || Error::conflict("no data was uploaded yet").code("UPLOAD_MISSING");
        let (mut reader, mut meter) = (found.ok_or_else(missing)?, Meter::new());
        while let Some(piece) = reader.next().await {
            meter.take(&piece?);
        }
        if meter.finish() == expected {
            return Ok(());
        }
        Err(Error::conflict("the data has another SHA-256 or size than announced").code("DIGEST_MISMATCH"))
    }

    /// # Errors
    /// 413 `FILE_TOO_LARGE`.
    pub(super) fn check_size(&self, size: u64) -> Result<(), Error> {
        let most = self.settings.max_size;
        if size <= most.bytes() {
            return Ok(());
        }
        Err(Error::http(413, format!("the file is larger than {most}")).code("FILE_TOO_LARGE"))
    }
}

impl Meter {
    fn new() -> Self {
        Self { size: 0, sha256: Sha256::new(&SHA256) }
    }

    fn take(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        self.size += piece.len() as u64;
    }

    fn finish(self) -> (u64, ObjectDigest) {
        // SHA-256 always has 32 bytes.
        (self.size, ObjectDigest::new(self.sha256.finish().as_ref().try_into().unwrap_or_default()))
    }
}
