use std::{
    fmt,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    thread,
};

use http::Response;
use pin_project_lite::pin_project;

use super::{headers, outcome::Pending};
use crate::scope::Entered;

pin_project! {
    /// The response of a [`RequestService`](super::RequestService).
    ///
    /// It is no larger than what it waits for and the request's log line: a boxed future of more than a kilobyte leaves the fast
    /// path of an allocator.
    pub struct RequestFuture<F> {
        #[pin]
        answer: Option<F>,
        pending: Option<Pending>,
    }

    impl<F> PinnedDrop for RequestFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(pending) = this.pending {
                let _entered = Entered::new(pending.ctx());
                this.answer.set(None);
                *this.pending = None;
            }
        }
    }
}

impl<F> RequestFuture<F> {
    pub(super) const fn new(answer: F, pending: Pending) -> Self {
        Self { answer: Some(answer), pending: Some(pending) }
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
        let (Some(answer), Some(pending)) = (this.answer.as_mut().as_pin_mut(), this.pending.as_mut()) else {
            panic!("a request was polled after it completed");
        };
        let _entered = Entered::new(pending.ctx());
        let ending = EndedByPanic(pending);
        let mut answer = ready!(answer.poll(task));
        // What the service still holds ends inside of the scope, and before the log line.
        this.answer.set(None);
        drop(ending);
        if let Some(pending) = this.pending.take() {
            match &mut answer {
                Ok(response) => {
                    headers::put_request_id(pending.ctx(), response.headers_mut());
                    pending.answered(response.status(), response.extensions());
                }
                Err(_) => pending.failed(),
            }
        }
        Poll::Ready(answer)
    }
}

/// Writes the log line while a panic unwinds: whoever catches the panic drops the future afterwards.
struct EndedByPanic<'a>(&'a mut Pending);

impl Drop for EndedByPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.panicked();
        }
    }
}

impl<F> fmt::Debug for RequestFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFuture").finish_non_exhaustive()
    }
}
