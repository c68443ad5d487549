use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::pool::{CloseOutcome, DatabaseHealth, PoolStats};

/// Observes and closes a pool: for health checks, metrics and the shutdown of a service.
#[async_trait]
pub trait PoolControl: Send + Sync + 'static {
    /// Reports the state of the database within a limit, over a connection outside of the pool.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    async fn health(&self, within: Duration) -> DatabaseHealth;

    /// Counters and gauges of the pool.
    fn stats(&self) -> PoolStats;

    /// Rejects new acquires, waits for borrowed connections to come back, and closes all connections. A second call waits
    /// again.
    ///
    /// # Cancel safety
    /// Cancel-safe: the pool stays closed.
    async fn close(&self, within: Duration) -> CloseOutcome;
}

const _: fn(&dyn PoolControl) = |_| ();

#[async_trait]
impl<D: PoolControl + ?Sized> PoolControl for Arc<D> {
    async fn health(&self, within: Duration) -> DatabaseHealth {
        (**self).health(within).await
    }

    fn stats(&self) -> PoolStats {
        (**self).stats()
    }

    async fn close(&self, within: Duration) -> CloseOutcome {
        (**self).close(within).await
    }
}
