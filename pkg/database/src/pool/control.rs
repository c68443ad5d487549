use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

use crate::{
    DatabaseError,
    driver::{Connection, Identity, Target},
    error::Stage,
};

/// A connection beside the pool, for what must not wait in its queue: the health check, and asking the server to cancel a
/// statement whose caller went away. Opened when it is first needed.
pub(super) struct ControlConnection {
    target: Target,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    connection: Option<Connection>,
    closed: bool,
}

impl ControlConnection {
    pub(super) fn new(target: Target) -> Self {
        Self { target, kept: Mutex::default() }
    }

    /// The time of one round trip, over a connection that may have to be opened first. The caller limits it to `within`.
    /// `on_loss` is called when a connection that was open before is broken.
    ///
    /// # Cancel safety
    /// Cancel-safe: a connection of unknown state is dropped.
    pub(super) async fn ping(
        &self,
        within: Duration,
        on_loss: impl Fn() + Send,
    ) -> Result<Duration, DatabaseError> {
        let mut kept = self.kept.lock().await;
        let (mut connection, is_kept) = self.take(&mut kept).await?;
        let mut sent_at = Instant::now();
        // A kept connection that went silent must leave time to open another one.
        let limit = if is_kept { within / 3 } else { Duration::MAX };
        let mut reply = match tokio::time::timeout(limit, connection.ping()).await {
            Ok(reply) => reply,
            Err(elapsed) => Err(sqlx::Error::Io(elapsed.into())),
        };
        if reply.is_err() && is_kept {
            on_loss();
            // The connection may be from before a restart; the server is judged by a new one.
            connection = self.target.open().await?;
            sent_at = Instant::now();
            reply = connection.ping().await;
        }
        reply.map_err(|error| DatabaseError::sqlx(error, Stage::Before))?;
        let latency = sent_at.elapsed();
        kept.keep(connection);
        Ok(latency)
    }

    /// Cancels what a session runs. Returns whether it ran anything. Where the server cannot be reached, `statement_timeout`
    /// ends the statement.
    ///
    /// # Cancel safety
    /// As [`ping`](Self::ping).
    pub(super) async fn cancel(&self, session: &Identity) -> bool {
        let mut kept = self.kept.lock().await;
        // The kept connection may be broken, a new one is not.
        for _ in 0..2 {
            let Ok((mut connection, is_kept)) = self.take(&mut kept).await else { return false };
            match connection.cancel(session).await {
                Ok(ran) => {
                    kept.keep(connection);
                    return ran;
                }
                Err(_broken) if is_kept => {}
                Err(_refused) => return false,
            }
        }
        false
    }

    /// Closes the connection and keeps none from now on.
    pub(super) async fn close(&self) {
        let mut kept = self.kept.lock().await;
        kept.closed = true;
        if let Some(connection) = kept.connection.take() {
            // The socket closes whether or not the server hears of it.
            drop(connection.close().await);
        }
    }

    /// Takes the connection out while it is used, so that a caller that is cut off leaves none of unknown state behind. Says
    /// whether it is one from before.
    async fn take(&self, kept: &mut MutexGuard<'_, Kept>) -> Result<(Connection, bool), DatabaseError> {
        match kept.connection.take() {
            Some(connection) => Ok((connection, true)),
            None => Ok((self.target.open().await?, false)),
        }
    }
}

impl Kept {
    fn keep(&mut self, connection: Connection) {
        if !self.closed {
            self.connection = Some(connection);
        }
    }
}
