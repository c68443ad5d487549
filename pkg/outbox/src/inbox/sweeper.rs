use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use underpin_database::Database;
use underpin_logger::{Context, Logger, debug, warn};

use super::Inbox;

/// A task that deletes old claims, every [`InboxSettings::sweep_every`](super::InboxSettings::sweep_every). One per
/// database is enough; more do no harm.
///
/// Dropping it stops it at once.
#[derive(Debug)]
pub struct InboxSweeper {
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Inbox {
    /// Starts a sweeper on the current runtime. A sweep that fails is logged, and tried again the next time.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start_sweeper(&self, database: Arc<dyn Database>, log: Arc<dyn Logger>) -> InboxSweeper {
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(self.clone(), database, log, stop.clone()));
        InboxSweeper { stop, task: Mutex::new(Some(task)) }
    }
}

impl InboxSweeper {
    /// Stops the sweeper and waits for its end, which comes at its next await.
    ///
    /// # Cancel safety
    /// Cancel-safe: it ends all the same.
    pub async fn close(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            drop(task.await);
        }
    }
}

impl Drop for InboxSweeper {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

async fn run(inbox: Inbox, database: Arc<dyn Database>, log: Arc<dyn Logger>, stop: CancellationToken) {
    /// The first sweep does not wait for a whole period: services restart.
    const FIRST: Duration = Duration::from_secs(5);
    let ctx = Context::background();
    let mut wait = FIRST.min(inbox.settings().sweep_every);
    loop {
        let sweep = async {
            tokio::time::sleep(wait).await;
            inbox.sweep(&*database).await
        };
        match stop.run_until_cancelled(sweep).await {
            None => return,
            Some(Ok(claims)) => debug!(log, &ctx, "inbox swept", claims),
            Some(Err(error)) => warn!(log, &ctx, &error, "inbox not swept, tried again later"),
        }
        wait = inbox.settings().sweep_every;
    }
}
