use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::caller::Caller;
use crate::host::Host;

/// A caller and host as one object.
pub trait Rpc: Caller + Host {}
impl<T: Caller + Host> Rpc for T {}

/// How the suite gets at an implementation.
#[async_trait]
pub trait Harness: Send + Sync + Sized {
    /// Starts whatever the implementation needs, for one test.
    async fn start() -> Self;

    /// A caller and host on a bus without services. Called again, it returns another one on the same bus.
    async fn rpc(&self) -> Arc<dyn Rpc>;

    /// The largest request and reply in bytes.
    fn max_payload(&self) -> usize {
        1024 * 1024
    }

    /// How long something may take that should happen at once.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }
}
