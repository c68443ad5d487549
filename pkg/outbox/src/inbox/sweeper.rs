use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use underpin_database::{Backend, Executor, sql};
use underpin_logger::{Context, Logger, debug, warn};

use super::apply::Inbox;
use crate::OutboxError;

/// A task that deletes old claims, every [`InboxSettings::sweep_every`](super::InboxSettings::sweep_every). One per
/// database is enough; more do no harm.
///
/// Dropping it stops the task at once.
#[derive(Debug)]
pub struct InboxSweeper {
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Inbox {
    /// Starts a sweeper on the current runtime. A sweep that fails is logged and retried after the next pause.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start_sweeper(&self, database: Arc<dyn Executor>, log: Arc<dyn Logger>) -> InboxSweeper {
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(self.clone(), database, log, stop.clone()));
        InboxSweeper { stop, task: Mutex::new(Some(task)) }
    }

    /// Deletes claims older than [`InboxSettings::retention`](super::InboxSettings::retention), in batches; returns how many.
    ///
    /// # Errors
    /// [`OutboxError::Database`]; the batches before it are deleted.
    ///
    /// # Cancel safety
    /// Cancel-safe: each batch is its own transaction.
    pub async fn sweep(&self, database: &dyn Executor) -> Result<u64, OutboxError> {
        let text = match database.backend() {
            Backend::Postgres => SWEEP_POSTGRES,
            _ => SWEEP_SQLITE,
        };
        let retention = i64::try_from(self.settings().retention.as_millis()).unwrap_or(i64::MAX / 2);
        let mut swept = 0;
        loop {
            let batch = database.execute(sql(text, [retention.into(), SWEEP_BATCH.into()])).await;
            let batch = batch.map_err(OutboxError::during("sweep the inbox"))?.rows_affected();
            swept += batch;
            if batch < SWEEP_BATCH.unsigned_abs() {
                return Ok(swept);
            }
        }
    }
}

impl InboxSweeper {
    /// Stops the sweeper and waits until it has ended, at its next await.
    ///
    /// # Cancel safety
    /// Cancel-safe: the task ends all the same.
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

async fn run(inbox: Inbox, database: Arc<dyn Executor>, log: Arc<dyn Logger>, stop: CancellationToken) {
    /// The first sweep does not wait for a whole pause: services restart.
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
            Some(Err(error)) => warn!(log, &ctx, &error, "inbox not swept, retried later"),
        }
        wait = inbox.settings().sweep_every;
    }
}

const SWEEP_BATCH: i64 = 5_000;

const SWEEP_POSTGRES: &str = "DELETE FROM underpin_inbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM underpin_inbox \
    WHERE done_at < clock_timestamp() - $1::bigint * interval '1 millisecond' ORDER BY done_at LIMIT $2))";

const SWEEP_SQLITE: &str = "DELETE FROM underpin_inbox WHERE (consumer, source, event_id) IN \
    (SELECT consumer, source, event_id FROM underpin_inbox \
     WHERE done_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - $1 ORDER BY done_at LIMIT $2)";
