use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use pin_project_lite::pin_project;
use tokio::sync::Semaphore;
use tower_layer::Layer;
use tower_service::Service;
use underpin_errors::Error;
use underpin_logger::{Context, Logger};

use super::body::HeldBody;
use super::in_flight::InFlight;
use super::meters;

/// Refuses requests beyond a number in flight.
///
/// The permit is taken when a request is there: a service that takes it in `poll_ready` holds one for each idle connection.
#[derive(Clone)]
pub(super) struct LimitLayer {
    permits: Arc<Semaphore>,
    log: Arc<dyn Logger>,
}

impl LimitLayer {
    pub(super) fn new(most: usize, log: Arc<dyn Logger>) -> Self {
        Self { permits: Arc::new(Semaphore::new(most)), log }
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = LimitService<S>;

    fn layer(&self, inner: S) -> LimitService<S> {
        LimitService { inner, limit: self.clone() }
    }
}

#[derive(Clone)]
pub(super) struct LimitService<S> {
    inner: S,
    limit: LimitLayer,
}

impl<S> Service<Request> for LimitService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = LimitFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> LimitFuture<S::Future> {
        match Arc::clone(&self.limit.permits).try_acquire_owned() {
            Ok(permit) => {
                let ctx = request.extensions().get::<Context>().cloned().unwrap_or_else(Context::background);
                let held = InFlight::new(permit, ctx, Arc::clone(&self.limit.log));
                LimitFuture::Admitted { future: self.inner.call(request), held: Some(held) }
            }
            Err(_) => LimitFuture::Shed,
        }
    }
}

pin_project! {
    #[project = LimitProjection]
    pub(super) enum LimitFuture<F> {
        Admitted { #[pin] future: F, held: Option<InFlight> },
        Shed,
    }
}

impl<F> Future for LimitFuture<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match self.project() {
            LimitProjection::Admitted { future, held } => {
                let response = ready!(future.poll(cx))?;
                let held = held.take();
                Poll::Ready(Ok(response.map(|body| Body::new(HeldBody::new(body, held)))))
            }
            LimitProjection::Shed => {
                meters::shed();
                Poll::Ready(Ok(overloaded().into_response()))
            }
        }
    }
}

fn overloaded() -> Error {
    Error::unavailable("too many requests are in flight")
        .code("OVERLOADED")
        .retry_after(Duration::from_secs(1))
}
