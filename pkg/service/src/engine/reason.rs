use tokio::task::JoinSet;
use underpin_errors::Error;

use crate::Signal;

/// Why the service stops.
pub(crate) enum Reason {
    Signal(Signal),
    Failed(Error),
    /// The body of a test is done.
    Done,
}

/// A task of the service that ended: its error is the service's.
pub(crate) type Tasks = JoinSet<Result<(), Error>>;
