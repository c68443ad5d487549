use std::{convert::Infallible, future::pending, sync::Arc, time::Instant};

use underpin_config::Checks;
use underpin_logger::{Context, Logger, info, warn};

use crate::{
    Condition, DatabaseError, DatabaseSettings, Pool,
    driver::Target,
    pool::{Opened, Opener},
    settings::DatabaseUrl,
};

/// Opens the first connection and builds the pool around it.
///
/// Waits for a server that is not there yet: each attempt lasts up to `connect_timeout` and retries a server that refuses
/// every quarter of a second, and `connect_retry` says how many attempts there are. With the defaults a server that
/// comes up within 18 s is found, within a quarter of a second of being ready during the first 3 s. What cannot pass
/// (password, unknown database, TLS, settings) fails at once.
///
/// Must be called within a Tokio runtime, which also runs the pool's one background task.
///
/// With the feature `metrics` the pool shows itself through the facade, all pools of a process added up. Gauges and counters are
/// brought up to date once a second and include what happened before an exporter was installed; the histogram begins with it.
///
/// | name | kind | what |
/// |---|---|---|
/// | `underpin_database_connections_open`, `_idle`, `_in_use` | gauge | connections, as in [`PoolStats`](crate::PoolStats) |
/// | `underpin_database_callers_waiting` | gauge | callers that wait for a connection |
/// | `underpin_database_acquire_seconds` | histogram | how long each waited, in seconds |
/// | `underpin_database_acquire_timeouts_total` | counter | callers that gave up waiting |
/// | `underpin_database_connections_opened_total`, `_retired_total`, `_lost_total`, `_found_dead_total`, `_settled_total` | counter | connections opened, closed as expired or surplus, broken in use, found dead by a ping, reset after their caller went away |
/// | `underpin_database_statements_cancelled_total` | counter | statements cancelled because their callers went away |
///
/// # Errors
/// - [`Condition::Configuration`]: the settings are not valid.
/// - [`Condition::Rejected`]: the server rejected the connection permanently.
/// - [`Condition::Unreachable`], [`Condition::Saturated`]: the last real cause, as its source, once all attempts failed.
///
/// # Cancel safety
/// Cancel-safe: every connection is closed.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use underpin_database::{Backend, DatabaseSettings, connect};
/// use underpin_logger::NoopLogger;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_database::DatabaseError> {
/// let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(NoopLogger)).await?;
/// assert_eq!(pool.backend(), Backend::Sqlite);
/// # Ok(()) }
/// ```
///
/// An exporter that is installed later shows the pool as well:
/// ```
/// # #[cfg(feature = "metrics")] {
/// # use std::sync::Arc;
/// # use underpin_database::{DatabaseSettings, connect};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
/// let exporter = metrics::NoopRecorder; // PrometheusBuilder::new().build_recorder()
/// metrics::set_global_recorder(exporter)?;
/// assert_eq!(pool.stats().open, 1); // underpin_database_connections_open at the next second
/// # Ok(()) }
/// # main().unwrap();
/// # }
/// ```
pub async fn connect(settings: &DatabaseSettings, log: Arc<dyn Logger>) -> Result<Pool, DatabaseError> {
    check(settings)?;
    let opener = Opener::new(Target::new(settings)?, settings.pooling_mode);
    let ctx = Context::current();
    let started = Instant::now();
    let mut retry = 0;
    loop {
        let limit = settings.connect_timeout;
        match opener.open_within(limit, limit, pending::<Infallible>).await {
            Ok(Opened::Other(never)) => match never {},
            Ok(Opened::New(first)) => {
                let backend = opener.target().backend();
                info!(log, &ctx, "database connected", backend = %backend, attempts = retry + 1, after = started.elapsed());
                return Ok(Pool::new(settings.clone(), opener, first, log));
            }
            Err(error) if error.is_retryable() && retry < settings.connect_retry.max_retries => {
                let pause = settings.connect_retry.pause(retry);
                warn!(log, &ctx, &error, "database not reached yet", attempt = retry + 1, pause);
                retry += 1;
                tokio::time::sleep(pause).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn check(settings: &DatabaseSettings) -> Result<(), DatabaseError> {
    let checks = Checks::of(settings);
    if checks.failures().is_empty() {
        return Ok(());
    }
    // Names and constant sentences only: a check never prints a value.
    let failed: Vec<String> = checks
        .failures()
        .iter()
        .map(|failed| match DatabaseUrl::parse(settings.url.expose()) {
            Err(problem) if failed.key() == "url" => format!("`url` {problem}"),
            _ => failed.to_string(),
        })
        .collect();
    let what = format!("{}: {}", Condition::Configuration, failed.join(", "));
    Err(DatabaseError::said(Condition::Configuration, what))
}
