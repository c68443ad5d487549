use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

mod checks;

pub use checks::{HealthChecks, HealthReport};

/// How well something works at the moment.
///
/// The reason and the details are shown by readiness endpoints: no secrets, no addresses with credentials.
///
/// # Examples
/// ```
/// use underpin_errors::Health;
///
/// let health = Health::degraded("3 of 25 connections left").detail("idle", 3);
/// assert_eq!(
///     serde_json::to_value(&health).unwrap(),
///     serde_json::json!({"status": "degraded", "reason": "3 of 25 connections left", "details": {"idle": 3}})
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// Up, degraded or down.
    pub status: HealthStatus,
    /// Why it is not up, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Figures beside it, in the order of their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Value>,
}

impl Health {
    /// It works.
    pub fn up() -> Self {
        Self { status: HealthStatus::Up, reason: None, details: BTreeMap::new() }
    }

    /// It works, and somebody should look.
    pub fn degraded(reason: impl Into<String>) -> Self {
        Self { status: HealthStatus::Degraded, reason: Some(reason.into()), ..Self::up() }
    }

    /// It does not work.
    pub fn down(reason: impl Into<String>) -> Self {
        Self { status: HealthStatus::Down, reason: Some(reason.into()), ..Self::up() }
    }

    /// Adds a figure, such as a latency in milliseconds.
    #[must_use]
    pub fn detail(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.details.insert(key.into(), value.into());
        self
    }
}

/// The three states, from good to bad: `Up < Degraded < Down`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It works.
    Up,
    /// It works, and somebody should look: slow, saturated, on its last replica.
    Degraded,
    /// It does not work.
    Down,
}

impl HealthStatus {
    /// What a readiness endpoint answers: 503 for `Down`, else 200.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Up | Self::Degraded => 200,
            Self::Down => 503,
        }
    }
}

/// Something that can say how it is: a pool, a consumer, a service. [`HealthChecks`] asks many at once.
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

    /// Asks the component now.
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
