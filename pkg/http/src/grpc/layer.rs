use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;
use underpin_errors::Error;
use underpin_logger::tower::extract;
use underpin_logger::{Logger, SpanKind};

use super::body::CallBody;
use super::call::Call;
use super::status::{StatusCode, timeout};

/// What the calls of all services share.
pub(super) struct CallConfig {
    pub(super) log: Arc<dyn Logger>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) limit: Duration,
}

/// A service of tonic as a route: its body is axum's, and its calls are logged, measured, limited and contained.
#[derive(Clone)]
pub(super) struct CallService<S> {
    pub(super) inner: S,
    pub(super) config: Arc<CallConfig>,
    /// Whether calls need a permit: health does not.
    pub(super) is_limited: bool,
}

impl<S> Service<Request> for CallService<S>
where
    S: Service<http::Request<tonic::body::Body>, Error = Infallible> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let span = extract(request.headers()).entry_span("rpc", SpanKind::Server);
        let ctx = span.ctx().clone();
        request.extensions_mut().insert(ctx.clone());
        let permit = self.is_limited.then(|| Arc::clone(&self.config.permits).try_acquire_owned().ok());
        let is_full = permit.as_ref().is_some_and(Option::is_none);
        let log = Arc::clone(&self.config.log);
        let mut call = Call::new(log, span, request.uri().path(), permit.flatten());
        if is_full {
            call.finish(StatusCode::UNAVAILABLE);
            let response = StatusCode::UNAVAILABLE.response("too many calls are in flight");
            return Box::pin(std::future::ready(Ok(response)));
        }
        let deadline = timeout(request.headers()).and_then(|span| Instant::now().checked_add(span));
        let until_head = Instant::now() + self.config.limit;
        let until_head = deadline.map_or(until_head, |deadline| deadline.min(until_head));
        let request = request.map(tonic::body::Body::new);
        let called = ctx.scope_sync(|| catch_unwind(AssertUnwindSafe(|| self.inner.call(request))));
        let running = async move {
            let called = match called {
                Ok(future) => timeout_at(until_head, Contained { future }).await,
                Err(panic) => Ok(Err(panic)),
            };
            match called {
                Ok(Ok(Ok(response))) => respond(response.into_response(), call, deadline),
                Ok(Err(panic)) => {
                    call.panicked(&Error::panicked(&*panic));
                    StatusCode::INTERNAL.response("internal error")
                }
                Err(_) => {
                    call.finish(StatusCode::DEADLINE_EXCEEDED);
                    StatusCode::DEADLINE_EXCEEDED.response("the deadline is over")
                }
            }
        };
        let scoped = ctx.scope(running);
        Box::pin(async move { Ok(scoped.await) })
    }
}

fn respond(response: Response, mut call: Call, deadline: Option<Instant>) -> Response {
    if let Some(code) = StatusCode::of(response.headers()) {
        call.finish(code);
        return response;
    }
    response.map(|body| Body::new(CallBody::new(body, call, deadline)))
}

pin_project! {
    /// A future whose panic is its result.
    struct Contained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Contained<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.project().future.poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
