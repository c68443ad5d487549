use std::time::{Duration, Instant};

use underpin_errors::Health;

use super::state::PoolState;
use crate::{Condition, DatabaseError};

/// How the database is doing, seen from here.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub enum DatabaseHealth {
    /// The server answers and the pool has room.
    Up {
        /// The time of one round trip.
        latency: Duration,
        /// How long a caller waits for a connection at the moment.
        waited: Duration,
    },
    /// The server answers, but callers wait for a connection for longer than the check did, or it has no room for another
    /// connection, as which the check comes.
    Saturated {
        /// How long the check waited in the queue.
        waited: Duration,
    },
    /// The server does not answer.
    Down {
        /// Why.
        reason: DatabaseError,
    },
}

impl DatabaseHealth {
    /// The server answers and the pool has room.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

/// Saturated is degraded: the service works, slowly, and restarting it would not help.
impl From<DatabaseHealth> for Health {
    fn from(health: DatabaseHealth) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match health {
            DatabaseHealth::Up { latency, waited } => {
                Self::up().detail("latency_ms", millis(latency)).detail("waited_ms", millis(waited))
            }
            DatabaseHealth::Saturated { waited } => {
                Self::degraded("there is no room for more connections").detail("waited_ms", millis(waited))
            }
            DatabaseHealth::Down { reason } => Self::down(reason.to_string()),
        }
    }
}

/// Pings over the control connection, so that an exhausted pool does not look like a server that is down.
pub(super) async fn check(pool: &PoolState, within: Duration) -> DatabaseHealth {
    if pool.is_closed() {
        return DatabaseHealth::Down { reason: DatabaseError::new(Condition::Closed) };
    }
    let started = Instant::now();
    let server = async {
        match tokio::time::timeout(within, pool.control.ping(within, || pool.note_loss())).await {
            Ok(result) => result,
            Err(_elapsed) => Err(DatabaseError::said(Condition::Unreachable, "the database does not answer")),
        }
    };
    // The queue is measured by waiting in it. A permit alone is acquired, and released at once.
    let queue = async {
        let permit = tokio::time::timeout(within, pool.permits.acquire()).await;
        (permit.is_ok(), started.elapsed())
    };
    if pool.is_memory() {
        // There is no second connection, and no server that could be down.
        let ((is_admitted, waited), latency) = (queue.await, Duration::ZERO);
        return if is_admitted {
            DatabaseHealth::Up { latency, waited }
        } else {
            DatabaseHealth::Saturated { waited }
        };
    }
    match futures_util::future::join(server, queue).await {
        (Err(full), (_, waited)) if full.condition() == Condition::Saturated => {
            DatabaseHealth::Saturated { waited }
        }
        (Err(reason), _) => DatabaseHealth::Down { reason },
        (Ok(latency), (true, waited)) => DatabaseHealth::Up { latency, waited },
        (Ok(_), (false, waited)) => DatabaseHealth::Saturated { waited },
    }
}
