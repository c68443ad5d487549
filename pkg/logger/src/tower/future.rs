use std::{
    fmt,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    thread,
};

use http::Response;
use pin_project_lite::pin_project;

use super::{headers, outcome::Pending};
use crate::{Context, scope::Entered};

pin_project! {
    /// The response of a [`RequestService`](super::RequestService).
    ///
    /// It is no larger than what it waits for and the request's log line: a boxed future of more than a kilobyte leaves the fast
    /// path of an allocator.
    pub struct RequestFuture<F> {
        #[pin]
        answer: Option<F>,
        ctx: Context,
        pending: Option<Pending>,
    }

    impl<F> PinnedDrop for RequestFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.answer.is_some() || this.pending.is_some() {
                let _entered = Entered::new(this.ctx);
                this.answer.set(None);
                *this.pending = None;
            }
        }
    }
}

impl<F> RequestFuture<F> {
    pub(super) const fn new(answer: F, ctx: Context, pending: Pending) -> Self {
        Self { answer: Some(answer), ctx, pending: Some(pending) }
    }
}

impl<F, O, E> Future for RequestFuture<F>
where
    F: Future<Output = Result<Response<O>, E>>,
{
    type Output = Result<Response<O>, E>;

    /// # Panics
    ///
    /// When it is polled after it has returned `Ready`, as futures of `async` blocks do.
    #[expect(clippy::panic, reason = "the contract of Future::poll is broken")]
    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let entered = Entered::new(this.ctx);
        let pending = EndedByPanic(this.pending);
        let Some(answer) = this.answer.as_mut().as_pin_mut() else {
            panic!("a request was polled after it completed");
        };
        let answer = ready!(answer.poll(task));
        // What the service still holds ends inside of the scope, and before the log line.
        this.answer.set(None);
        if let Some(pending) = pending.0.take() {
            match &answer {
                Ok(response) => pending.answered(response.status(), response.extensions()),
                Err(_) => pending.failed(),
            }
        }
        drop(entered);
        let mut response = answer?;
        headers::put_request_id(this.ctx, response.headers_mut());
        Poll::Ready(Ok(response))
    }
}

/// Writes the log line while a panic unwinds: whoever catches the panic drops the future afterwards.
struct EndedByPanic<'a>(&'a mut Option<Pending>);

impl Drop for EndedByPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            *self.0 = None;
        }
    }
}

impl<F> fmt::Debug for RequestFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFuture").finish_non_exhaustive()
    }
}
