//! The state of components: what one reports, and the aggregate of all.

mod check;
mod checks;
mod status;

pub use check::HealthCheck;
#[cfg(feature = "testing")]
pub use check::MockHealthCheck;
pub use checks::{HealthChecks, HealthReport};
pub use status::{Health, HealthStatus};
