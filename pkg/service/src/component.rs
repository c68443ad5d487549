use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::{Error, HealthCheck};

use crate::{Deadline, Opening, Stopped};

/// A part of a service that the runtime starts and stops.
///
/// **Ordering:** `start` once, then `quiesce` at most once, then `stop` once. `stop` is also called when `start` failed, panicked or was
/// cut off, since it may have opened something. **Retries:** none; what fails is reported.
///
/// # Examples
/// ```
/// use underpin_service::{Component, Deadline, Stopped};
///
/// struct Cache;
///
/// #[async_trait::async_trait]
/// impl Component for Cache {
///     fn name(&self) -> &str { "cache" }
///     async fn stop(&self, _: Deadline) -> Stopped { Stopped::Clean }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// assert_eq!(Cache.stop(Deadline::after(std::time::Duration::from_secs(1))).await, Stopped::Clean);
/// # }
/// ```
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Component: Send + Sync + 'static {
    /// The name in logs, metrics, health and errors, such as `"http"`.
    fn name(&self) -> &str;

    /// Hands over the log and the gate of the service, when it is registered as traffic and before it is started.
    fn attach(&self, _at: &Opening) {}

    /// Returns when the component can be used.
    ///
    /// # Errors
    /// What keeps it from starting, with the setting to change. The service then stops what was started before, and this component.
    ///
    /// # Cancel safety
    /// Must be safe to drop: it is dropped when the time for the start is over or a signal arrives.
    async fn start(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Takes no new work from now on. Returns quickly; called for every component of a stage before any of them is stopped.
    ///
    /// # Cancel safety
    /// Must be safe to drop.
    async fn quiesce(&self) {}

    /// Finishes the work in progress, gives up at the deadline and says what was left.
    ///
    /// # Cancel safety
    /// Must be safe to drop: a component that overruns its deadline is dropped, counted and logged.
    async fn stop(&self, deadline: Deadline) -> Stopped;

    /// What readiness asks; of traffic once it has started.
    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        None
    }

    /// Whether the service is unready while [`health`](Self::health) is down. Otherwise it is degraded and ready.
    fn is_required(&self) -> bool {
        true
    }

    /// Whether, as traffic, it is stopped once the other traffic has stopped, since that feeds it: a consumer of events that are in
    /// this process, for example.
    fn follows_traffic(&self) -> bool {
        false
    }

    /// The addresses on which it listens, once started.
    fn addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }
}

const _: fn(&dyn Component) = |_| ();

/// A shared component is a component, `Arc<dyn Trait>` included.
#[async_trait]
impl<C: Component + ?Sized> Component for Arc<C> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn attach(&self, at: &Opening) {
        (**self).attach(at);
    }

    async fn start(&self) -> Result<(), Error> {
        (**self).start().await
    }

    async fn quiesce(&self) {
        (**self).quiesce().await;
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        (**self).stop(deadline).await
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        (**self).health()
    }

    fn is_required(&self) -> bool {
        (**self).is_required()
    }

    fn follows_traffic(&self) -> bool {
        (**self).follows_traffic()
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        (**self).addresses()
    }
}
