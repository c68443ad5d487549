//! What every host does with a request, however it arrived: admission, limits, deadline, panics, statistics, drain.

mod accounts;
mod admission;
mod instance;
mod reply;
mod runner;
mod stop;

pub(crate) use instance::{Instance, Responder};
pub(crate) use reply::Outgoing;
