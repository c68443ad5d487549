use std::{
    fmt,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;
use underpin_errors::{BoxError, Error, Kind};

use super::{answer::error_of, headers::inject};
use crate::{Context, SpanKind};

/// Sends the request id and the trace with each request of an HTTP client, and turns failures into an [`Error`].
///
/// * `x-request-id`, `traceparent` and `tracestate` are those of the [`Context`] in the request's extensions, else of
///   [`Context::current`]. Values that the request has are replaced.
/// * An answer of 400 or above is an error: its status, and the kind, code, text, violations and delay of its problem body
///   ([`Error::from_remote`], of which up to 64 KiB are read) and of `Retry-After`.
/// * A failure of the service below (no connection, a timeout) is of [`Kind::Unavailable`], with the method and the host as context.
/// * The call is a client span `METHOD` with the attributes `http.request.method`, `server.address` and
///   `http.response.status_code`.
///
/// An error of 4xx keeps the peer's public text: wrap it ([`Error::wrap`]) where your own callers must not read it. A body that never ends is
/// waited for: put the call under a limit, such as `RetryPolicy::within` of `underpin-errors`.
///
/// # Examples
/// ```
/// use http::{Request, Response};
/// use tower::{Layer, ServiceExt, service_fn};
/// use underpin_logger::{Context, RequestId, tower::ClientLayer};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// // In place of hyper-util's client, or any other that is a tower service.
/// let http = service_fn(async |request: Request<String>| {
///     assert_eq!(request.headers()["x-request-id"], "req-1");
///     let problem = r#"{"type": "about:blank", "detail": "no card 7", "code": "CARD_NOT_FOUND"}"#;
///     Ok::<_, std::io::Error>(Response::builder().status(404).body(problem.to_owned()).unwrap())
/// });
/// let client = ClientLayer::new().layer(http);
///
/// let ctx = Context::new(RequestId::parse("req-1").unwrap());
/// let error = ctx.scope(client.oneshot(Request::get("http://cards/7").body(String::new()).unwrap())).await.unwrap_err();
/// assert_eq!((error.http_status(), error.error_code()), (404, "CARD_NOT_FOUND"));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientLayer(());

impl ClientLayer {
    /// A layer for any client.
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> ClientService<S> {
        ClientService { inner }
    }
}

/// The service that [`ClientLayer`] makes.
#[derive(Clone)]
pub struct ClientService<S> {
    inner: S,
}

impl<S, I, O> Service<Request<I>> for ClientService<S>
where
    S: Service<Request<I>, Response = Response<O>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    O: Body + Send + 'static,
    O::Data: Send,
    O::Error: Into<BoxError>,
{
    type Response = Response<O>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<O>, Error>> + Send>>;

    fn poll_ready(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        self.inner
            .poll_ready(task)
            .map_err(|error| Error::wrap(Kind::Unavailable, error, "the client is not ready"))
    }

    fn call(&mut self, mut request: Request<I>) -> Self::Future {
        let ctx = request.extensions().get::<Context>().cloned().unwrap_or_else(Context::current);
        let (method, host) = (request.method().clone(), request.uri().host().unwrap_or_default().to_owned());
        let mut span = ctx.span("HTTP", SpanKind::Client);
        span.rename(|| method.to_string());
        span.set("http.request.method", method.as_str());
        span.set("server.address", host.as_str());
        inject(span.ctx(), request.headers_mut());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answered = answer.await;
            let answered =
                answered.map_err(|error| Error::wrap(Kind::Unavailable, error, format!("{method} {host}")));
            let outcome = match answered {
                Ok(response) => {
                    span.set("http.response.status_code", response.status().as_u16());
                    error_of(response).await
                }
                Err(error) => Err(error),
            };
            span.watch(outcome)
        })
    }
}

impl<S> fmt::Debug for ClientService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientService").finish_non_exhaustive()
    }
}
