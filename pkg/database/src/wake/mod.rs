//! How a task that sleeps learns that a table holds work: in this process, through PostgreSQL, and by polling.
//!
//! A producer calls [`WakeSignal::notify`] in its process, and NOTIFY where one of the [`NotifyMode`]s of the sleepers asks
//! for it. Both are hints that can be lost or come before the commit; [`PollBackoff`] makes that good.
//!
//! # Examples
//! ```
//! use std::time::Duration;
//! use underpin_database::wake::{PollBackoff, WakeSignal};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let signal = WakeSignal::default();
//! let mut work = signal.listen();
//! signal.notify();
//! work.notified().await;
//!
//! let mut backoff = PollBackoff::new(Duration::from_millis(3));
//! let pauses: Vec<u128> = (0..4).map(|_| backoff.found_nothing().as_millis()).collect();
//! assert_eq!(pauses, [1, 2, 3, 3]);
//! # }
//! ```

mod backoff;
#[cfg(feature = "postgres")]
mod forward;
mod signal;

pub use backoff::{NotifyMode, PollBackoff};
#[cfg(feature = "postgres")]
pub use forward::forward;
pub use signal::{WakeListener, WakeSignal};
