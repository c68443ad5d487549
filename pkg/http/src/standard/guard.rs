use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::{IntoResponse as _, Response};
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use underpin_errors::axum::panicked;
use underpin_errors::{Error, code};

use crate::{HttpSettings, panics};

/// The time limit of a request, the containment of its panics, and the limit of its body.
pub(super) struct Guard {
    time: Duration,
    body: DefaultBodyLimit,
}

/// The time limit of one request.
#[derive(Default)]
pub(super) struct TimeLimit {
    /// Made once the request waits for something: most do not.
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the reader of the body waits for the client.
    waits: Option<Arc<AtomicBool>>,
}

impl Guard {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        let body = DefaultBodyLimit::max(settings.max_body.as_usize());
        Self { time: settings.request_timeout, body }
    }

    /// Calls a service, whose panic is an error.
    pub(super) fn call<F>(
        &self,
        mut request: Request,
        call: impl FnOnce(Request) -> F,
    ) -> (Result<F, Box<dyn Any + Send>>, TimeLimit) {
        let mut limit = TimeLimit::default();
        // A request without a body needs neither.
        if !request.body().is_end_stream() {
            self.body.apply(&mut request);
            let waits = Arc::new(AtomicBool::new(false));
            limit.waits = Some(Arc::clone(&waits));
            request = request.map(|body| Body::new(WatchedBody { body, waits }));
        }
        (catch_unwind(AssertUnwindSafe(|| call(request))), limit)
    }

    pub(super) fn poll<F>(
        &self,
        future: Pin<&mut F>,
        limit: &mut TimeLimit,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response, Infallible>>
    where
        F: Future<Output = Result<Response, Infallible>>,
    {
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Ready(response)) => return Poll::Ready(response),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Ok(contained(panic))),
        }
        let timer = limit.timer.get_or_insert_with(|| Box::pin(sleep(self.time)));
        timer.as_mut().poll(cx).map(|()| Ok(limit.too_late()))
    }
}

/// The answer to a request whose handler panicked.
pub(super) fn contained(panic: Box<dyn Any + Send>) -> Response {
    panics::count("http");
    panicked(panic)
}

impl TimeLimit {
    /// 408 if the client has not sent its body, since then it is slow and not the service.
    fn too_late(&self) -> Response {
        if !self.waits.as_ref().is_some_and(|waits| waits.load(Ordering::Relaxed)) {
            return Error::timeout("the request took too long").into_response();
        }
        let error = Error::http(408, "the request body took too long").code(code::REQUEST_TIMEOUT);
        let mut response = error.into_response();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// A request body that records whether its reader waits for more of it.
struct WatchedBody {
    body: Body,
    waits: Arc<AtomicBool>,
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.waits.store(polled.is_pending(), Ordering::Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A handler that stops reading is slow itself.
impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.waits.store(false, Ordering::Relaxed);
    }
}
