use std::time::Duration;

use bytes::Bytes;
use object_store::{MultipartUpload, PutPayload, PutResult};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::failure;
use crate::StoreError;

/// What its errors say.
pub(super) const OPERATION: &str = "store an object";

/// How an upload in parts is sent.
#[derive(Clone)]
pub(super) struct PartSettings {
    pub(super) part_size: usize,
    /// Parts in flight at once.
    pub(super) window: usize,
    /// After how long a part is sent that is not full, if it is.
    pub(super) flush_after: Option<Duration>,
    /// Where the removal of an upload that failed runs.
    pub(super) tasks: TaskTracker,
}

/// An upload in parts, which are removed unless it is completed.
pub(super) struct Parts {
    upload: Option<Box<dyn MultipartUpload>>,
    buffer: Vec<Bytes>,
    /// The size of what is in the buffer.
    size: usize,
    /// When the last part was sent.
    sent: Instant,
    in_flight: JoinSet<object_store::Result<()>>,
    settings: PartSettings,
}

impl Parts {
    pub(super) fn new(upload: Box<dyn MultipartUpload>, settings: PartSettings) -> Self {
        Self {
            upload: Some(upload),
            buffer: Vec::new(),
            size: 0,
            sent: Instant::now(),
            in_flight: JoinSet::new(),
            settings,
        }
    }

    pub(super) async fn write(&mut self, mut piece: Bytes) -> Result<(), StoreError> {
        while !piece.is_empty() {
            let taken = piece.split_to(piece.len().min(self.settings.part_size - self.size));
            self.size += taken.len();
            self.buffer.push(taken);
            if self.size == self.settings.part_size
                || self.settings.flush_after.is_some_and(|after| self.sent.elapsed() >= after)
            {
                self.send().await?;
            }
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<PutResult, StoreError> {
        if self.size > 0 {
            self.send().await?;
        }
        self.wait_below(1).await?;
        let upload = self.upload.as_mut().ok_or(StoreError::Closed)?;
        let completed = upload.complete().await.map_err(|error| failure::of_write(OPERATION, error))?;
        self.upload = None;
        Ok(completed)
    }

    async fn send(&mut self) -> Result<(), StoreError> {
        self.wait_below(self.settings.window).await?;
        if let Some(upload) = &mut self.upload {
            self.in_flight.spawn(upload.put_part(PutPayload::from_iter(self.buffer.drain(..))));
        }
        (self.size, self.sent) = (0, Instant::now());
        Ok(())
    }

    /// Waits until fewer parts than this are in flight.
    async fn wait_below(&mut self, count: usize) -> Result<(), StoreError> {
        while self.in_flight.len() >= count
            && let Some(sent) = self.in_flight.join_next().await
        {
            let sent = sent.map_err(|error| StoreError::Unavailable(error.into()))?;
            sent.map_err(|error| failure::of(OPERATION, error))?;
        }
        Ok(())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let (Some(mut upload), Ok(runtime)) = (self.upload.take(), Handle::try_current()) else { return };
        let mut in_flight = std::mem::take(&mut self.in_flight);
        let removal = async move {
            in_flight.shutdown().await;
            // Parts that stay are removed by a rule of the store's life cycle, or by a sweep of the folder.
            drop(upload.abort().await);
        };
        drop(self.settings.tasks.spawn_on(removal, &runtime));
    }
}
