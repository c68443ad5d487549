use std::future::Future as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use underpin_errors::Error;

use super::call::Call;
use super::status::StatusCode;

/// The messages of a response. It reads the status in the trailers, and writes one if a panic or the deadline ends the stream.
pub(super) struct CallBody {
    body: Body,
    call: Call,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl CallBody {
    pub(super) fn new(body: Body, call: Call, deadline: Option<Instant>) -> Self {
        Self { body, call, deadline: deadline.map(|at| Box::pin(sleep_until(at))) }
    }

    fn end(&mut self, code: StatusCode, message: &'static str) -> Frame<Bytes> {
        self.call.finish(code);
        (self.body, self.deadline) = (Body::empty(), None);
        Frame::trailers(code.trailers(message))
    }
}

impl HttpBody for CallBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if this.deadline.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
            let last = this.end(StatusCode::DEADLINE_EXCEEDED, "the deadline is over");
            return Poll::Ready(Some(Ok(last)));
        }
        let ctx = this.call.ctx().clone();
        let poll = || ctx.scope_sync(|| Pin::new(&mut this.body).poll_frame(cx));
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(polled) => {
                match &polled {
                    Poll::Ready(Some(Ok(frame))) => {
                        if let Some(trailers) = frame.trailers_ref() {
                            this.call.finish(StatusCode::of(trailers).unwrap_or(StatusCode::UNKNOWN));
                        }
                    }
                    Poll::Ready(Some(Err(_)) | None) => this.call.finish(StatusCode::UNKNOWN),
                    Poll::Pending => {}
                }
                polled
            }
            Err(panic) => {
                this.call.panicked(&Error::panicked(&*panic));
                Poll::Ready(Some(Ok(this.end(StatusCode::INTERNAL, "internal error"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
