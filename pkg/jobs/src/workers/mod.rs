//! Claims, runs and finishes jobs. One dispatcher claims for all queues of the process; finished attempts are committed in
//! groups; maintenance keeps leases, writes progress and rescues what other processes lost.

mod attempt;
mod builder;
mod completer;
mod dispatcher;
mod handle;
mod in_flight;
mod inline;
mod maintenance;
mod marks;
mod routes;
mod shared;
mod status;

pub use builder::WorkersBuilder;
pub use handle::{Workers, WorkersDrain};
pub use inline::{InlineAttempt, InlineRunner};
