//! Panics of components and tasks become errors.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use underpin_errors::Error;

/// Runs the future; a panic in it is an error of kind `Internal`.
pub(crate) async fn contained<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(Error::panicked(&*panic))),
    })
    .await
}
