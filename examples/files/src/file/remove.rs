//! Deletion, and the sweeper: it finishes deletions and removes uploads that were never completed.

use std::sync::Arc;

use underpin_errors::Error;
use underpin_logger::{Context, info, warn};
use underpin_objects::{ObjectExpect, StoreError};
use underpin_service::Stop;
use uuid::Uuid;

use super::{Files, missing, now, object};

/// Files of one sweep.
const BATCH: u64 = 100;

impl Files {
    /// Deletes a file. Returned is committed; the data may go later. Who reads it at the moment may get an error.
    ///
    /// # Errors
    /// 404 `FILE_NOT_FOUND`, and what the database says.
    pub(crate) async fn delete(&self, ctx: &Context, id: Uuid) -> Result<(), Error> {
        if !self.table.retire(ctx, id).await? {
            return Err(missing());
        }
        if let Err(error) = self.remove(ctx, id).await {
            warn!(self.log, ctx, &error, "data of a deleted file is left to the sweeper", file_id = %id);
        }
        Ok(())
    }

    /// Sweeps until the service stops. A sweep that fails is repeated with the next one.
    pub(crate) async fn keep_swept(self: Arc<Self>, stop: Stop) -> Result<(), Error> {
        let ctx = Context::background();
        while !stop.is_requested() {
            match stop.run(self.sweep(&ctx)).await {
                Some(Ok(0)) => {}
                Some(Ok(removed)) => info!(self.log, &ctx, "files swept", removed),
                Some(Err(error)) => warn!(self.log, &ctx, &error, "sweep failed"),
                None => break,
            }
            stop.run(tokio::time::sleep(self.settings.abandoned_after / 60)).await;
        }
        Ok(())
    }

    /// Returns how many files and uploads it removed.
    async fn sweep(&self, ctx: &Context) -> Result<u64, Error> {
        self.table.retire_expired(ctx, now()).await?;
        let retired = self.table.retired(ctx, BATCH).await?;
        for id in &retired {
            self.remove(ctx, *id).await?;
        }
        // What a killed process has sent and never made an object of. S3 has rules of its life cycle for that.
        let orphans = match self.objects.sweep(self.settings.abandoned_after).await {
            Ok(swept) => swept.orphans,
            Err(StoreError::Unsupported { .. }) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(retired.len() as u64 + orphans)
    }

    /// The data first: a row without data is found again, data without a row is not.
    async fn remove(&self, ctx: &Context, id: Uuid) -> Result<(), Error> {
        self.objects.delete(&object(id)?, ObjectExpect::Anything).await?;
        Ok(self.table.forget(ctx, id).await?)
    }
}
