//! Handlers as tower services, and the layers of this crate.
//!
//! Any [`tower_layer::Layer`] wraps an endpoint ([`Service::layer`](crate::Service::layer)) or all of them
//! ([`Service::layer_all`](crate::Service::layer_all)), tower's own included: layers may turn the error into a `BoxError`.
//!
//! Every host contains panics, ends a call at its deadline, limits each endpoint and measures it. The layers here do the same around a
//! part of a stack, or more: [`LimitLayer`] shares one limit among endpoints, [`DeadlineLayer`] shortens the time of an inner part,
//! [`CatchPanicLayer`] contains a panic below other layers, [`LogLayer`] logs every request, [`SpanLayer`] measures it by name,
//! [`AuthenticateLayer`] establishes the caller.

pub(crate) mod adapter;
mod authenticate;
mod catch_panic;
mod deadline;
mod limit;
mod log;
mod span;

pub use adapter::{HandlerService, handler_of};
#[cfg(feature = "testing")]
pub use authenticate::MockAuthenticator;
pub use authenticate::{AuthenticateLayer, AuthenticateService, Authenticator, ForwardedIdentity};
pub use catch_panic::{CatchPanicLayer, CatchPanicService};
pub use deadline::{DeadlineLayer, DeadlineService};
pub use limit::{LimitLayer, LimitService};
pub use log::{LogLayer, LogService};
pub use span::{SpanLayer, SpanService};
