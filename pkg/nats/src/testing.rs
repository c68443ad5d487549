//! Mocks, for tests only.

pub use crate::credentials::MockCredentialsProvider;
