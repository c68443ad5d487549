use underpin_errors::Error;

use crate::Signal;

/// How a service ended.
#[derive(Debug)]
#[must_use = "a service that could not start says so here only"]
#[non_exhaustive]
pub enum Ended {
    /// A signal asked, and every component was stopped.
    Clean {
        /// The components that were stopped with work left, as `name: what was left`.
        cut: Vec<String>,
    },
    /// It could not start, or a supervised task ended it.
    Failed {
        /// Why.
        error: Error,
        /// The components that were stopped with work left.
        cut: Vec<String>,
    },
    /// A second signal came during the stop.
    AtOnce(Signal),
}
