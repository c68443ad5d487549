use std::{sync::Arc, time::Duration};

use crate::{Context, Entry, FlushError, Level};

/// Where records go. Small on purpose: the verbs are in [`LoggerExt`](crate::LoggerExt) and in the macros, so that a mock
/// needs one expectation.
///
/// Code takes `&dyn Logger` or keeps an `Arc<dyn Logger>`. No method panics because of what it is given or because the
/// sink fails, and none waits for longer than the sink's own limit.
///
/// # Examples
///
/// A logger of your own, over whatever there is:
///
/// ```
/// use std::sync::Mutex;
/// use std::time::Duration;
/// use underpin_logger::{Context, Entry, FlushError, Level, Logger, info};
///
/// #[derive(Default)]
/// struct Lines(Mutex<Vec<String>>);
///
/// impl Logger for Lines {
///     fn enabled(&self, level: Level, _target: &str, _ctx: &Context) -> bool {
///         level >= Level::Info
///     }
///
///     fn log<'a>(&self, entry: &Entry<'a>) {
///         let mut line = format!("{} {}", entry.level, entry.msg);
///         for tag in entry.tags {
///             line += &format!(" {}={}", tag.key(), tag.value());
///         }
///         self.0.lock().unwrap().push(line);
///     }
///
///     fn flush(&self, _deadline: Duration) -> Result<(), FlushError> {
///         Ok(())
///     }
/// }
///
/// let log = Lines::default();
/// info!(log, &Context::background(), "order accepted", items = 3);
/// assert_eq!(*log.0.lock().unwrap(), ["info order accepted items=3"]);
/// ```
pub trait Logger: Send + Sync {
    /// Whether a record of this level and target would be written for this context.
    ///
    /// Cheap (a few nanoseconds when the answer is no). Callers ask before they build tags.
    fn enabled(&self, level: Level, target: &str, ctx: &Context) -> bool;

    /// Takes one record. Records of one thread keep their order; the timestamp is taken here.
    ///
    /// Infallible for the caller: what cannot be written is counted, not raised.
    // The named lifetime is what lets mockall mock the method (E0637 otherwise).
    fn log<'a>(&self, entry: &Entry<'a>);

    /// Waits until everything logged before the call has reached the sink.
    ///
    /// # Errors
    ///
    /// [`FlushError`] when the deadline passes first or the sink refuses. Logging goes on either way.
    fn flush(&self, deadline: Duration) -> Result<(), FlushError>;
}

const _: fn(&dyn Logger) = |_| ();

macro_rules! forward {
    ($($holder:ty),+) => {$(
        impl<L: Logger + ?Sized> Logger for $holder {
            fn enabled(&self, level: Level, target: &str, ctx: &Context) -> bool {
                (**self).enabled(level, target, ctx)
            }

            fn log<'a>(&self, entry: &Entry<'a>) {
                (**self).log(entry);
            }

            fn flush(&self, deadline: Duration) -> Result<(), FlushError> {
                (**self).flush(deadline)
            }
        }
    )+};
}

forward!(&L, Arc<L>, Box<L>);
