//! The tables of `underpin-jobs` as a plugin, and its workers as traffic.

mod open;
mod part;

pub use open::{OpenJobs, jobs};
pub use part::{WorkersPart, workers};
