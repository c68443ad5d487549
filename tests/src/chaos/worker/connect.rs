use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use underpin_database::{Pool, connect};
use underpin_errors::BoxError;
use underpin_events::jetstream::JetStream;
use underpin_logger::{Context, Logger, warn};

use super::WorkerSettings;

const PAUSE: Duration = Duration::from_millis(200);

/// Connects to PostgreSQL, however long it is away. `None` when the worker is to stop before.
pub(super) async fn database(
    settings: &WorkerSettings,
    log: &Arc<dyn Logger>,
    stop: &CancellationToken,
) -> Result<Option<Pool>, BoxError> {
    while !stop.is_cancelled() {
        match connect(&settings.database(), Arc::clone(log)).await {
            Ok(pool) => return Ok(Some(pool)),
            Err(error) if error.is_retryable() => {
                warn!(log, &Context::background(), &error, "no database yet");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// Connects to NATS, however long it is away. `None` when the worker is to stop before.
pub(super) async fn bus(
    settings: &WorkerSettings,
    log: &Arc<dyn Logger>,
    stop: &CancellationToken,
) -> Result<Option<JetStream>, BoxError> {
    while !stop.is_cancelled() {
        match JetStream::connect(&settings.jetstream(), Arc::clone(log)).await {
            Ok(bus) => return Ok(Some(bus)),
            Err(error) if error.is_retryable() => {
                warn!(log, &Context::background(), &error, "no bus yet");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}
