//! Mocks of the public traits.

pub use crate::health::MockHealthCheck;
