//! The whole service inside of a test, and the mock of [`Component`](crate::Component) (feature `testing`).

mod service;

pub use self::service::{Running, TestService};
#[cfg(feature = "testing")]
pub use crate::component::MockComponent;
