use std::{
    pin::pin,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::{Either, select};
use tokio::sync::Semaphore;

use crate::{
    Condition, DatabaseError,
    driver::{Connection, Target},
    error::Stage,
    settings::{PoolingMode, RetrySettings},
};

/// Connections that are opened at the same time.
const MAX_CONCURRENT: usize = 4;

/// A connection, or what came before it.
pub(crate) enum Opened<T> {
    New(Connection),
    /// The other source was first.
    Other(T),
}

/// Opens connections, with retries where they help, and keeps the last failure for the callers that wait.
pub(crate) struct Opener {
    target: Target,
    /// Whether a new connection reads which session of the server it is.
    identifies: bool,
    /// Many handshakes at once all finish late, or not within their limit: few at a time.
    concurrency: Semaphore,
    last_failure: Mutex<Option<DatabaseError>>,
}

impl Opener {
    pub(crate) fn new(target: Target, pooling_mode: PoolingMode) -> Self {
        Self {
            target,
            identifies: pooling_mode == PoolingMode::Direct,
            concurrency: Semaphore::new(MAX_CONCURRENT),
            last_failure: Mutex::default(),
        }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Opens a connection within `limit`, each attempt within `attempt`; or ends with the value of
    /// `other_source`, which is polled while no attempt is in progress.
    ///
    /// A server that refuses (not listening, starting up, no room) is tried again every quarter of a second at most. A
    /// permanent failure ends the attempt at once. The error is the last real cause, never just the elapsed time.
    ///
    /// # Cancel safety
    /// Cancel-safe: a half-open connection is dropped.
    pub(crate) async fn open_within<T: Send, F: Future<Output = T> + Send>(
        &self,
        limit: Duration,
        attempt: Duration,
        other_source: impl Fn() -> F + Send,
    ) -> Result<Opened<T>, DatabaseError> {
        let pauses = RetrySettings {
            max_retries: u32::MAX,
            initial: Duration::from_millis(10),
            max: Duration::from_millis(250),
        };
        let started = Instant::now();
        let mut retry = 0;
        loop {
            let left = limit.saturating_sub(started.elapsed());
            let permit = pin!(tokio::time::timeout(left, self.concurrency.acquire()));
            let permit = match select(pin!(other_source()), permit).await {
                Either::Left((other, _)) => return Ok(Opened::Other(other)),
                Either::Right((permit, _)) => permit,
            };
            let Ok(permit) = permit else {
                return Err(self.last_failure().unwrap_or_else(|| {
                    DatabaseError::said(Condition::Saturated, "no connection could be opened in time")
                }));
            };
            let left = limit.saturating_sub(started.elapsed());
            let failure = match self.open_once(left.min(attempt)).await {
                Ok(connection) => {
                    self.set_failure(None);
                    return Ok(Opened::New(connection));
                }
                Err(failure) => failure,
            };
            drop(permit);
            self.set_failure(Some(failure.clone()));
            let pause = pauses.pause(retry);
            if !failure.is_retryable() || started.elapsed() + pause >= limit {
                return Err(failure);
            }
            retry = retry.saturating_add(1);
            if let Either::Left((other, _)) =
                select(pin!(other_source()), pin!(tokio::time::sleep(pause))).await
            {
                return Ok(Opened::Other(other));
            }
        }
    }

    async fn open_once(&self, limit: Duration) -> Result<Connection, DatabaseError> {
        let opening = async {
            let mut connection = self.target.open().await?;
            if self.identifies {
                connection.identify().await.map_err(|error| DatabaseError::sqlx(error, Stage::Before))?;
            }
            Ok(connection)
        };
        match tokio::time::timeout(limit, opening).await {
            Ok(opened) => opened,
            Err(_elapsed) => {
                // Keep what was said before, if anything was: it is the better reason.
                Err(self.last_failure().unwrap_or_else(|| {
                    DatabaseError::said(Condition::Unreachable, "the database does not answer")
                }))
            }
        }
    }

    /// Why no connection could be opened the last time; `None` once one was.
    pub(crate) fn last_failure(&self) -> Option<DatabaseError> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_failure(&self, failure: Option<DatabaseError>) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}
