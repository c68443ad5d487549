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
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::{IntoResponse as _, Response};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_layer::Layer;
use tower_service::Service;
use underpin_errors::axum::panicked;
use underpin_errors::{Error, code};

use crate::panics;

/// The time limit of a request, and the containment of its panics.
#[derive(Clone, Copy)]
pub(super) struct GuardLayer {
    limit: Duration,
}

impl GuardLayer {
    pub(super) const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService { inner, limit: self.limit }
    }
}

#[derive(Clone)]
pub(super) struct GuardService<S> {
    inner: S,
    limit: Duration,
}

impl<S> Service<Request> for GuardService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = GuardFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match catch_unwind(AssertUnwindSafe(|| self.inner.poll_ready(cx))) {
            Ok(polled) => polled,
            // The call meets the same panic, and has an answer for it.
            Err(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: Request) -> GuardFuture<S::Future> {
        let (request, waits) = watched(request);
        let inner = match catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) {
            Ok(future) => Inner::Running { future },
            Err(panic) => Inner::Panicked { panic: Some(panic) },
        };
        GuardFuture { inner, timer: None, limit: self.limit, waits }
    }
}

/// The request with a body that records whether its reader waits for the client; unchanged if it has none.
fn watched(request: Request) -> (Request, Option<Arc<AtomicBool>>) {
    if request.body().is_end_stream() {
        return (request, None);
    }
    let waits = Arc::new(AtomicBool::new(false));
    let request = request.map(|body| Body::new(WatchedBody { body, waits: Arc::clone(&waits) }));
    (request, Some(waits))
}

pin_project! {
    pub(super) struct GuardFuture<F> {
        #[pin]
        inner: Inner<F>,
        // Made once the request waits for something: most do not.
        #[pin]
        timer: Option<Sleep>,
        limit: Duration,
        waits: Option<Arc<AtomicBool>>,
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<F> {
        Running { #[pin] future: F },
        Panicked { panic: Option<Box<dyn Any + Send>> },
    }
}

impl<F> Future for GuardFuture<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = match this.inner.project() {
            InnerProjection::Running { future } => catch_unwind(AssertUnwindSafe(|| future.poll(cx))),
            InnerProjection::Panicked { panic } => Err(panic.take().unwrap_or_else(|| Box::new(""))),
        };
        match polled {
            Ok(Poll::Ready(response)) => return Poll::Ready(response),
            Ok(Poll::Pending) => {}
            Err(panic) => {
                panics::count("http");
                return Poll::Ready(Ok(panicked(panic)));
            }
        }
        if this.timer.is_none() {
            this.timer.set(Some(sleep(*this.limit)));
        }
        match this.timer.as_pin_mut().map(|timer| timer.poll(cx)) {
            Some(Poll::Ready(())) => {
                let waits = this.waits.as_ref().is_some_and(|waits| waits.load(Ordering::Relaxed));
                Poll::Ready(Ok(too_late(waits)))
            }
            _ => Poll::Pending,
        }
    }
}

/// 408 if the client has not sent its body, since then it is slow and not the service.
fn too_late(waits_for_client: bool) -> Response {
    if !waits_for_client {
        return Error::timeout("the request took too long").into_response();
    }
    let error = Error::http(408, "the request body took too long").code(code::REQUEST_TIMEOUT);
    let mut response = error.into_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
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
