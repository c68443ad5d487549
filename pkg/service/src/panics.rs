//! Panics of components and tasks become errors.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use underpin_errors::Error;

/// What a panic carries.
type Payload = Box<dyn Any + Send>;

/// Runs the future; a panic in it is an error of kind `Internal`.
pub(crate) async fn contained<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panicked(&panic))),
    })
    .await
}

/// The text of a panic, as far as it is one.
pub(crate) fn panicked(panic: &Payload) -> Error {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::internal(format!("panicked: {}", text.unwrap_or("without a text")))
}
