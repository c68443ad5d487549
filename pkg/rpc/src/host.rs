use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use underpin_errors::HealthCheck;

use crate::error::RpcError;
use crate::micro::{ServiceInfo, ServiceStats};
use crate::service::Service;

/// Serves services: [`NatsRpc`](crate::nats::NatsRpc) or [`MemoryRpc`](crate::memory::MemoryRpc).
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// Starts an instance of a service. It gets requests when this returns, and discovery shows it.
    ///
    /// Several instances of one service share its requests, in one process or in many. Ordering: none between calls. Retries: the
    /// subscriptions are renewed by themselves after a lost connection.
    ///
    /// # Errors
    /// [`RpcError::Invalid`] tells what to change; [`RpcError::Unauthorized`] when the server's permissions forbid a subject;
    /// [`RpcError::Disconnected`] and [`RpcError::Closed`] without a connection.
    ///
    /// # Cancel safety
    /// The instance is not started.
    async fn serve(&self, service: Service) -> Result<Arc<dyn Running>, RpcError>;
}

const _: fn(&dyn Host) = |_| ();

/// A running instance of a service. When its last handle is dropped it takes no more requests, and those it has are finished; call
/// [`drain`](Running::drain) to wait for that.
///
/// As a health check it is down while no requests can arrive, and degraded while an endpoint refuses calls.
#[async_trait]
pub trait Running: HealthCheck + Send + Sync + 'static {
    /// What discovery shows, with the id of this instance.
    fn info(&self) -> ServiceInfo;

    /// The statistics of this instance since its start.
    fn stats(&self) -> ServiceStats;

    /// Stops: requests go to other instances from now on, and every request that was routed here is answered. Those that still run
    /// after `within` are answered with [`Kind::Unavailable`](underpin_errors::Kind::Unavailable) and their handlers dropped.
    ///
    /// Idempotency: a second call waits for the first.
    ///
    /// # Cancel safety
    /// The drain goes on without a limit in time.
    async fn drain(&self, within: Duration) -> DrainOutcome;

    /// Waits until the instance has ended.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn closed(&self);
}

const _: fn(&dyn Running) = |_| ();

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainOutcome {
    /// Calls that were under way or arrived during the drain and ended by themselves.
    pub answered: u64,
    /// Calls that were still running at the end of the time, and were answered for.
    pub cancelled: u64,
}

impl DrainOutcome {
    /// The outcome; for implementors.
    pub fn new(answered: u64, cancelled: u64) -> Self {
        Self { answered, cancelled }
    }
}
