use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::HeldBody;
use super::guard::{TimeLimit, contained};
use super::in_flight::InFlight;
use super::parts::{Parts, RouteParts};
use super::route_state::RouteState;

/// The [`Parts`] as one service with one future.
#[derive(Clone)]
pub(super) struct PartsLayer(Arc<Parts>);

impl PartsLayer {
    pub(super) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl<S> Layer<S> for PartsLayer {
    type Service = PartsService<S>;

    fn layer(&self, inner: S) -> PartsService<S> {
        let route = RouteParts { parts: Arc::clone(&self.0), route: RouteState::default() };
        PartsService { inner, route: Arc::new(route) }
    }
}

#[derive(Clone)]
pub(super) struct PartsService<S> {
    inner: S,
    route: Arc<RouteParts>,
}

impl<S> Service<Request> for PartsService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = PartsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        if self.route.parts.guard.is_none() {
            return self.inner.poll_ready(cx);
        }
        // The call meets the same panic, and has an answer for it.
        catch_unwind(AssertUnwindSafe(|| self.inner.poll_ready(cx))).unwrap_or(Poll::Ready(Ok(())))
    }

    fn call(&mut self, request: Request) -> PartsFuture<S::Future> {
        let mut in_flight = InFlight::new(Arc::clone(&self.route));
        let (answer, limit) = match self.open(&request, &mut in_flight) {
            Some(response) => (Answer::Known { response: Some(response) }, TimeLimit::default()),
            None => self.run(request),
        };
        PartsFuture { answer, limit, in_flight: Some(in_flight) }
    }
}

impl<S> PartsService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    /// Takes a request, or answers it.
    fn open(&self, request: &Request, in_flight: &mut InFlight) -> Option<Response> {
        let Parts { edge, limit, .. } = &*self.route.parts;
        if let Some(edge) = edge {
            let (observed, preflight) = edge.open(request, &self.route.route);
            in_flight.observe(observed);
            if preflight.is_some() {
                return preflight;
            }
        }
        if let Some(limit) = limit {
            if let Err(overloaded) = limit.enter(in_flight.started) {
                return Some(overloaded.into_response());
            }
            in_flight.count(request.extensions().get());
        }
        None
    }

    fn run(&mut self, request: Request) -> (Answer<S::Future>, TimeLimit) {
        let Self { inner, route } = self;
        let Some(guard) = &route.parts.guard else {
            return (Answer::Running { future: inner.call(request) }, TimeLimit::default());
        };
        let (called, limit) = guard.call(request, |request| inner.call(request));
        let answer = match called {
            Ok(future) => Answer::Running { future },
            Err(panic) => Answer::Known { response: Some(contained(panic)) },
        };
        (answer, limit)
    }
}

pin_project! {
    pub(super) struct PartsFuture<F> {
        // Dropped before what counts it.
        #[pin]
        answer: Answer<F>,
        limit: TimeLimit,
        in_flight: Option<InFlight>,
    }
}

pin_project! {
    #[project = AnswerProjection]
    enum Answer<F> {
        Running { #[pin] future: F },
        Known { response: Option<Response> },
    }
}

impl<F> Future for PartsFuture<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let guard = this.in_flight.as_ref().and_then(|in_flight| in_flight.route.parts.guard.as_ref());
        let response = match (this.answer.project(), guard) {
            (AnswerProjection::Known { response }, _) => response.take().unwrap_or_default(),
            (AnswerProjection::Running { future }, None) => ready!(future.poll(cx))?,
            (AnswerProjection::Running { future }, Some(guard)) => {
                ready!(guard.poll(future, this.limit, cx))?
            }
        };
        let Some(mut in_flight) = this.in_flight.take() else { return Poll::Ready(Ok(response)) };
        let response = in_flight.answered(response);
        Poll::Ready(Ok(match in_flight.is_counted() {
            true => response.map(|body| HeldBody::hold(body, in_flight)),
            false => response,
        }))
    }
}
