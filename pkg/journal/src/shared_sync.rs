use std::fs::File;
use std::io;
use std::sync::Arc;

use tokio::sync::Mutex;

/// Waits for the disk on behalf of all that wait at the same time: they share one `fsync`.
#[derive(Debug, Default)]
pub struct SharedSync {
    /// Its holder waits for the disk.
    progress: Arc<Mutex<Progress>>,
}

#[derive(Debug, Default)]
struct Progress {
    /// How many bytes are on the disk.
    bytes: u64,
    /// An operating system reports a failed write once; a later `fsync` would succeed although the data is gone.
    failed: bool,
}

impl SharedSync {
    /// Waits until what `point` names is on the disk: the file and the bytes appended to it, of
    /// [`Journal::sync_point`](crate::Journal::sync_point); none where nothing is to be waited for. It is asked again right before the
    /// `fsync`, which then covers what was appended meanwhile.
    ///
    /// # Errors
    /// What the disk said, or `point`; from then on every call fails. Pass it to [`Journal::fail`](crate::Journal::fail): what is on the
    /// disk is uncertain.
    ///
    /// # Cancel safety
    /// Cancel safe: an `fsync` that has begun goes on, and its failure is kept.
    pub async fn wait(&self, point: impl Fn() -> io::Result<Option<(Arc<File>, u64)>>) -> io::Result<()> {
        let Some((_, mine)) = point()? else { return Ok(()) };
        let mut progress = Arc::clone(&self.progress).lock_owned().await;
        if progress.failed {
            return Err(io::Error::other("an earlier write to the disk failed"));
        }
        if progress.bytes >= mine {
            return Ok(());
        }
        let Some((file, all)) = point()? else { return Ok(()) };
        // The guard goes along: nobody syncs beside it, also when this call is dropped.
        let sync = move || {
            let synced = file.sync_data();
            match &synced {
                Ok(()) => progress.bytes = all,
                Err(_) => progress.failed = true,
            }
            synced
        };
        tokio::task::spawn_blocking(sync).await.map_err(io::Error::other).flatten()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn after_a_failed_sync_every_call_fails() {
        let shared = SharedSync::default();
        let point = |file: File| {
            let file = Arc::new(file);
            move || Ok(Some((Arc::clone(&file), 1)))
        };
        // A device has nothing to sync.
        assert!(shared.wait(point(File::open("/dev/null").unwrap())).await.is_err());
        let file = tempfile::tempfile().unwrap();
        assert!(shared.wait(point(file.try_clone().unwrap())).await.is_err());
        assert!(SharedSync::default().wait(point(file)).await.is_ok());
    }
}
