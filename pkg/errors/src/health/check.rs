use async_trait::async_trait;

use super::status::Health;

/// A component that reports its state: a pool, a consumer, a service. `HealthChecks` runs many.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use underpin_errors::{Health, HealthCheck, HealthChecks, HealthStatus};
///
/// struct Disk { free_percent: u8 }
///
/// #[async_trait::async_trait]
/// impl HealthCheck for Disk {
///     fn name(&self) -> &str { "disk" }
///
///     async fn check(&self) -> Health {
///         match self.free_percent {
///             0..5 => Health::down("the disk is full"),
///             5..20 => Health::degraded("the disk is nearly full").detail("free_percent", self.free_percent),
///             _ => Health::up(),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let report = HealthChecks::new().with(Arc::new(Disk { free_percent: 7 })).run().await;
/// assert_eq!((report.status, report.status.http_status()), (HealthStatus::Degraded, 200));
/// # }
/// ```
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// The name of the component in the report, such as `"database"`.
    fn name(&self) -> &str;

    /// Checks the component.
    ///
    /// **Ordering:** checks are independent; several may run at once. **Idempotency:** a check changes nothing that a
    /// user would notice. **Retries:** none, the next probe is the retry. A failure is an answer ([`Health::down`]),
    /// never an error.
    ///
    /// # Cancel safety
    /// Must be safe to drop at any point: the aggregate drops a check that is too slow.
    async fn check(&self) -> Health;
}

const _: fn(&dyn HealthCheck) = |_| ();
