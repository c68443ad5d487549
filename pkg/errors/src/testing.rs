//! Mocks of the public traits, for the tests of whoever uses them.

pub use crate::health::MockHealthCheck;
