use std::fs::File;
use std::io;
use std::sync::Arc;

use tokio::sync::Mutex;

/// Waits for the disk on behalf of all that wait at the same time: they share one `fsync`.
#[derive(Debug, Default)]
pub struct SharedSync {
    /// How many bytes are on the disk. Its holder waits for the disk.
    on_disk: Mutex<u64>,
}

impl SharedSync {
    /// Waits until what `point` names is on the disk: the file and the bytes appended to it, of
    /// [`Journal::sync_point`](crate::Journal::sync_point); none where nothing is to be waited for. It is asked again right before the
    /// `fsync`, which then covers what was appended meanwhile.
    ///
    /// # Errors
    /// What the disk said, or `point`. Pass it to [`Journal::fail`](crate::Journal::fail): what is on the disk is uncertain.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn wait(&self, point: impl Fn() -> io::Result<Option<(Arc<File>, u64)>>) -> io::Result<()> {
        let Some((_, mine)) = point()? else { return Ok(()) };
        let mut on_disk = self.on_disk.lock().await;
        if *on_disk >= mine {
            return Ok(());
        }
        let Some((file, all)) = point()? else { return Ok(()) };
        tokio::task::spawn_blocking(move || file.sync_data()).await.map_err(io::Error::other).flatten()?;
        *on_disk = all;
        Ok(())
    }
}
