use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::header::ORIGIN;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use underpin_errors::Error;
use underpin_errors::axum::attach_request_id;
use underpin_logger::tower::Route;
use underpin_logger::{Context, TraceParent};

use super::cors::Cors;
use super::handles;
use super::headers::SecurityHeaders;
use super::meters::{self, Labels};
use crate::HttpSettings;

/// Metrics, security headers, CORS, and the request id in problems.
#[derive(Clone)]
pub(super) struct EdgeLayer(Arc<Edge>);

struct Edge {
    headers: SecurityHeaders,
    cors: Option<Cors>,
}

impl EdgeLayer {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        let headers = SecurityHeaders::new(settings.hsts);
        Self(Arc::new(Edge { headers, cors: Cors::new(&settings.cors) }))
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = EdgeService<S>;

    fn layer(&self, inner: S) -> EdgeService<S> {
        EdgeService { inner, edge: Arc::clone(&self.0) }
    }
}

#[derive(Clone)]
pub(super) struct EdgeService<S> {
    inner: S,
    edge: Arc<Edge>,
}

impl<S> Service<Request> for EdgeService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = EdgeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> EdgeFuture<S::Future> {
        let cors = self.edge.cors.as_ref();
        let origin = cors.and_then(|_| request.headers().get(ORIGIN).cloned());
        let preflight = cors.and_then(|cors| cors.preflight(&request));
        let pending = Pending {
            method: meters::method_label(request.method()),
            route: request.extensions().get::<MatchedPath>().cloned(),
            started: Instant::now(),
            is_recorded: false,
        };
        let inner = match preflight {
            Some(response) => Inner::Preflight { response: Some(response) },
            None => Inner::Routes { future: self.inner.call(request) },
        };
        EdgeFuture { inner, pending, origin, edge: Arc::clone(&self.edge) }
    }
}

pin_project! {
    pub(super) struct EdgeFuture<F> {
        #[pin]
        inner: Inner<F>,
        pending: Pending,
        origin: Option<HeaderValue>,
        edge: Arc<Edge>,
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<F> {
        Preflight { response: Option<Response> },
        Routes { #[pin] future: F },
    }
}

impl<F> Future for EdgeFuture<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match this.inner.project() {
            InnerProjection::Preflight { response } => response.take().unwrap_or_default(),
            InnerProjection::Routes { future } => {
                let mut response = ready!(future.poll(cx))?;
                if let Some(cors) = &this.edge.cors {
                    cors.put(this.origin.as_ref(), response.headers_mut());
                }
                response
            }
        };
        this.edge.headers.put(response.headers_mut());
        let error = response.extensions().get::<Arc<Error>>().map(|error| error.error_code());
        this.pending.record(Some(response.status()), error);
        if let Some(route) = this.pending.traced_route() {
            response.extensions_mut().insert(route);
        }
        if response.status().is_client_error() || response.status().is_server_error() {
            response = with_request_id(response);
        }
        Poll::Ready(Ok(response))
    }
}

/// Writes the request id into a problem, where a client finds it without the headers.
fn with_request_id(response: Response) -> Response {
    let id = Context::current().request_id().map(|id| id.as_str().to_owned());
    match id {
        Some(id) => attach_request_id(response, id),
        None => response,
    }
}

/// A request that is recorded once, also when its client goes away.
struct Pending {
    method: &'static str,
    route: Option<MatchedPath>,
    started: Instant,
    is_recorded: bool,
}

impl Pending {
    /// What the span of the request is named by, if it may be recorded.
    fn traced_route(&self) -> Option<Route> {
        let is_sampled = Context::current().trace().is_some_and(TraceParent::is_sampled);
        self.route.as_ref().filter(|_| is_sampled).map(|route| Route::new(route.as_str()))
    }

    fn record(&mut self, status: Option<StatusCode>, error: Option<&str>) {
        self.is_recorded = true;
        let now = Instant::now();
        let route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str);
        let labels = Labels { method: self.method, status, error: error.unwrap_or_default() };
        handles::record(route, labels, now, now.duration_since(self.started));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.is_recorded {
            self.record(None, Some("cancelled"));
        }
    }
}
