use std::borrow::Cow;
use std::time::Duration;

use crate::{Kind, Violation};

/// Classifies a domain error, so that `?` turns it into an [`Error`](crate::Error).
///
/// Only the kind is required. The text of the domain error is for the log unless `public_message` returns one.
///
/// # Examples
/// ```
/// use underpin_errors::{Classify, Error, Kind};
///
/// #[derive(Debug, thiserror::Error)]
/// enum OrderError {
///     #[error("order {0} does not exist")]
///     Missing(u64),
///     #[error("the ledger is out of balance")]
///     Ledger,
/// }
///
/// impl Classify for OrderError {
///     fn kind(&self) -> Kind {
///         match self {
///             Self::Missing(_) => Kind::NotFound,
///             Self::Ledger => Kind::Internal,
///         }
///     }
///     fn public_message(&self) -> Option<std::borrow::Cow<'static, str>> {
///         Some(self.to_string().into())
///     }
/// }
///
/// fn find(id: u64) -> Result<(), Error> {
///     Err(OrderError::Missing(id))?
/// }
///
/// assert_eq!(find(42).unwrap_err().public_message(), "order 42 does not exist");
/// // The text of a 5xx stays inside even where the domain error offers it.
/// assert_eq!(Error::from(OrderError::Ledger).public_message(), "an internal error occurred");
/// ```
pub trait Classify: std::error::Error + Send + Sync + 'static {
    /// The class of this failure.
    fn kind(&self) -> Kind;

    /// A stable machine code, `UPPER_SNAKE`. `None` takes the kind's.
    fn code(&self) -> Option<Cow<'static, str>> {
        None
    }

    /// A text for the caller, shown for a 4xx kind only. `None` takes the kind's sentence.
    fn public_message(&self) -> Option<Cow<'static, str>> {
        None
    }

    /// The delay before the caller should retry.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// The invalid fields, shown for a 4xx kind only.
    fn violations(&self) -> Vec<Violation> {
        Vec::new()
    }
}

const _: fn(&dyn Classify) = |_| ();
