use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// The state of a component.
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

    /// It works and needs attention.
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
    /// It works and needs attention: slow, saturated, on its last replica.
    Degraded,
    /// It does not work.
    Down,
}

impl HealthStatus {
    /// The status of a readiness endpoint: 503 for `Down`, else 200.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Up | Self::Degraded => 200,
            Self::Down => 503,
        }
    }
}
