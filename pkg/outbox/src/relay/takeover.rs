//! Takeover from a process that was killed, on SQLite: its leases are released at once.
//!
//! Every relay holds a shared lock on `<database file>.relays` for as long as a worker of it runs. The operating system releases
//! it with the process, however that ends. A relay that starts tries the lock exclusively first: if it gets it, no relay works
//! on this file, and the leases in the tables are those of processes that are gone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use underpin_database::Pool;
use underpin_errors::Report;
use underpin_journal::FileLock;
use underpin_logger::{Context, Logger, info, warn};

use super::store::{Store, get, read};
use crate::OutboxError;

/// The pause between two tries for the shared lock, while another relay starts.
const PAUSE: Duration = Duration::from_millis(10);

const OWNERS: &str = "SELECT owner FROM underpin_outbox_lanes WHERE owner IS NOT NULL \
    UNION SELECT relay FROM underpin_outbox_relays";

// By name: executed late, they cannot touch the leases of a relay that started meanwhile.
const RELEASE: &str = "UPDATE underpin_outbox_lanes SET owner = NULL, expires_at = NULL \
    WHERE owner IN (SELECT value FROM json_each($1))";
const DEREGISTER: &str =
    "DELETE FROM underpin_outbox_relays WHERE relay IN (SELECT value FROM json_each($1))";

/// Takes the lock for a relay that starts, and releases the leases of dead processes. None where there is no SQLite file, where
/// the lock cannot be had, or once `stop` is cancelled: leases then expire.
pub(super) async fn take_over(
    pool: &Pool,
    store: &Store,
    stop: &CancellationToken,
    log: &dyn Logger,
) -> Option<FileLock> {
    let path = pool.settings().sqlite_file()?;
    let without_lock = |error: &io::Error| {
        let reason = Report(error).to_string();
        warn!(
            log,
            &Context::background(),
            "relay lock not available, leases of a killed relay expire",
            reason
        );
    };
    let path = beside(&path).inspect_err(without_lock).ok()?;
    if let Some(alone) = FileLock::try_exclusive(&path).inspect_err(without_lock).ok()? {
        release_leases(store, log).await;
        drop(alone);
    }
    loop {
        if let Some(lock) = FileLock::try_shared(&path).inspect_err(without_lock).ok()? {
            return Some(lock);
        }
        // Another relay starts: it holds the lock for two statements.
        stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await?;
    }
}

/// The file of the lock, beside the database itself and not beside a link to it.
fn beside(database: &Path) -> io::Result<PathBuf> {
    Ok(fs::canonicalize(database)?.with_added_extension("relays"))
}

async fn release_leases(store: &Store, log: &dyn Logger) {
    let ctx = Context::background();
    match release(store).await {
        Ok(0) => {}
        Ok(workers) => info!(log, &ctx, "leases of a killed relay released", workers),
        Err(error) => warn!(log, &ctx, &error, "leases of a killed relay not released, they expire"),
    }
}

async fn release(store: &Store) -> Result<usize, OutboxError> {
    let rows = store.rows("read the leases", OWNERS, []).await?;
    let owners = rows.iter().map(|row| get::<String>(row, 0)).collect::<Result<Vec<_>, _>>().map_err(read)?;
    if !owners.is_empty() {
        let names = serde_json::Value::from(owners.clone()).to_string();
        store.execute("release the leases", RELEASE, [names.as_str().into()]).await?;
        store.execute("deregister the relays", DEREGISTER, [names.into()]).await?;
    }
    Ok(owners.len())
}
