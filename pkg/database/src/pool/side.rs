use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

use super::core::Core;
use crate::{
    DatabaseError,
    driver::{Connection, Identity},
    error::Stage,
};

/// A connection beside the pool, for what must not wait in its queue: the health check, and asking the server to cancel a
/// statement whose caller went away. Opened when it is first needed.
#[derive(Default)]
pub(super) struct Side(Mutex<Option<Connection>>);

impl Side {
    /// The time of one round trip, on a connection that may have to be opened first. Whoever calls cuts it off at `within`.
    ///
    /// # Cancel safety
    /// Cancel-safe: a connection of unknown state is dropped.
    pub(super) async fn ping(&self, core: &Core, within: Duration) -> Result<Duration, DatabaseError> {
        let mut kept = self.0.lock().await;
        let (mut connection, before) = taken(&mut kept, core).await?;
        let mut asked = Instant::now();
        // A kept connection that went silent must leave time to open another one.
        let limit = if before { within / 3 } else { Duration::MAX };
        let mut answer = match tokio::time::timeout(limit, connection.ping()).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(sqlx::Error::Io(elapsed.into())),
        };
        if answer.is_err() && before {
            core.note_loss();
            // The connection may be from before a restart; the server is judged by a new one.
            connection = core.opener.target().open().await?;
            asked = Instant::now();
            answer = connection.ping().await;
        }
        answer.map_err(|error| DatabaseError::sqlx(error, Stage::Before))?;
        let latency = asked.elapsed();
        if !core.is_closed() {
            *kept = Some(connection);
        }
        Ok(latency)
    }

    /// Asks the server to cancel what a session runs. Where the server cannot be asked, its own limit on the statement has
    /// to end it.
    ///
    /// # Cancel safety
    /// As [`ping`](Self::ping).
    pub(super) async fn cancel(&self, core: &Core, session: &Identity) {
        let mut kept = self.0.lock().await;
        // The kept connection may be broken, a new one is not.
        for _ in 0..2 {
            let Ok((mut connection, before)) = taken(&mut kept, core).await else { return };
            match connection.cancel(session).await {
                Ok(ran) => {
                    if ran {
                        core.counters.cancelled();
                    }
                    if !core.is_closed() {
                        *kept = Some(connection);
                    }
                    return;
                }
                Err(_broken) if before => {}
                Err(_refused) => return,
            }
        }
    }

    pub(super) async fn close(&self) {
        if let Some(connection) = self.0.lock().await.take() {
            // A farewell; the socket closes either way.
            drop(connection.close().await);
        }
    }
}

/// Takes the connection out while it is used, so that a caller that is cut off leaves none of unknown state behind. Says
/// whether it is one from before.
async fn taken(
    kept: &mut MutexGuard<'_, Option<Connection>>,
    core: &Core,
) -> Result<(Connection, bool), DatabaseError> {
    match kept.take() {
        Some(connection) => Ok((connection, true)),
        None => Ok((core.opener.target().open().await?, false)),
    }
}
