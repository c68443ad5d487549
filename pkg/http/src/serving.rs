use std::future::Future;
use std::pin::Pin;

use tokio_util::sync::CancellationToken;

/// Whether the service behind a server is ready, and whether it drains: the answer to load balancers.
///
/// `underpin-service` implements it for its gate; [`Drain`] is for a server without that crate.
pub trait ServingStatus: Send + Sync + 'static {
    /// Whether requests shall be sent here.
    fn is_ready(&self) -> bool;

    /// Whether the service was asked to stop. It never goes back.
    fn is_draining(&self) -> bool;

    /// The state in one word, for the public health path.
    fn word(&self) -> &str;

    /// Returns once the service drains.
    ///
    /// # Cancel safety
    /// Must be safe to drop.
    fn draining(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

const _: fn(&dyn ServingStatus) = |_| ();

/// A status that is ready until it drains.
///
/// # Examples
/// ```
/// use underpin_http::{Drain, ServingStatus};
///
/// let drain = Drain::default();
/// assert!(drain.is_ready());
/// drain.start();
/// assert!(drain.is_draining() && drain.word() == "draining");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Drain(CancellationToken);

impl Drain {
    /// From now on the service drains.
    pub fn start(&self) {
        self.0.cancel();
    }
}

impl ServingStatus for Drain {
    fn is_ready(&self) -> bool {
        !self.0.is_cancelled()
    }

    fn is_draining(&self) -> bool {
        self.0.is_cancelled()
    }

    fn word(&self) -> &str {
        if self.is_draining() { "draining" } else { "ready" }
    }

    fn draining(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.cancelled())
    }
}
