//! The whole service inside of a test, and the mock of [`Component`](crate::Component) (feature `testing`).

#[cfg(feature = "commands")]
mod command;
mod service;

#[cfg(feature = "commands")]
pub use self::command::{CommandResult, run_command};
pub use self::service::{Running, TestService};
#[cfg(feature = "testing")]
pub use crate::component::MockComponent;
