//! What every host does with a request, however it arrived: admission, limits, deadline, panics, statistics, drain.

mod counters;
mod inline;
mod instance;
mod limiter;
mod runner;
mod stop;
mod wire_reply;

pub(crate) use instance::{Instance, Responder, Start};
pub(crate) use wire_reply::WireReply;
