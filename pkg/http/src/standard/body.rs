use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use underpin_errors::Error;

use super::in_flight::InFlight;
use crate::panics;

/// The body of a response: its request is in flight until it is dropped, and a panic is contained.
///
/// The head is sent by then, so all that can be done is to log the panic and to end the stream with an error, which the client sees as a
/// body that is not complete.
pub(super) struct HeldBody {
    body: Body,
    in_flight: InFlight,
}

impl HeldBody {
    /// A body as long as there is one: of an empty one nothing is left to wait for.
    pub(super) fn hold(body: Body, in_flight: InFlight) -> Body {
        if body.is_end_stream() { body } else { Body::new(Self { body, in_flight }) }
    }
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut this.body).poll_frame(cx))) {
            Ok(polled) => polled,
            Err(panic) => {
                panics::count("http");
                let panic = Error::panicked(&*panic);
                this.in_flight.body_panicked(&panic);
                this.body = Body::empty();
                Poll::Ready(Some(Err(axum::Error::new(panic))))
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
