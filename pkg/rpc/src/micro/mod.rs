//! The documents of NATS micro (ADR-32): what discovery shows of a service.

mod documents;
mod permissions;
mod verb;

pub use documents::{EndpointInfo, EndpointStats, ServiceInfo, ServicePing, ServiceStats};
pub use permissions::Permissions;
pub(crate) use verb::Verb;
