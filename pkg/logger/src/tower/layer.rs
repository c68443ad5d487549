use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{config::RequestConfig, service::RequestService};
use crate::Logger;

/// Logs one line a request and carries its [`Context`](crate::Context).
///
/// * The id of `x-request-id` is taken over if it is valid ([`RequestId::parse`](crate::RequestId::parse)), otherwise one is generated; the
///   response carries it.
/// * A single valid `traceparent` is continued with a new span id and with the valid members of `tracestate`; otherwise a
///   new trace starts. [`inject`](super::inject) writes both to an outgoing request.
/// * The request is a span of its trace ([`Context::entry_span`](crate::Context::entry_span)), named by method and [`Route`](super::Route).
/// * The context is in the request's extensions for handlers, and in scope ([`Context::current`](crate::Context::current)) for what they call.
///   The body of a streamed response is produced outside of that scope.
/// * When the response's head is there: method, path (never the query), status and latency in milliseconds; 5xx at error
///   level, everything else at info. An `Arc<underpin_errors::Error>` in the response's extensions is logged here, once,
///   with its code and its chain.
/// * A request whose client went away first is logged as `request cancelled`; one whose handler panicked as
///   `request panicked`.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use axum::{Extension, Router, body::Body, http::Request, routing::get};
/// use tower::ServiceExt;
/// use underpin_logger::{Context, Level, info, testing::CaptureLogger, tower::RequestLayer};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let log = CaptureLogger::new();
/// let inner = log.clone();
/// let app: Router = Router::new()
///     .route("/", get(move |Extension(ctx): Extension<Context>| async move { info!(inner, &ctx, "in the handler") }))
///     .layer(RequestLayer::new(Arc::new(log.clone())));
/// let request = Request::get("/").header("x-request-id", "req-1").body(Body::empty()).unwrap();
/// let response = app.oneshot(request).await.unwrap();
/// assert_eq!(response.headers()["x-request-id"], "req-1");
/// for message in ["in the handler", "request"] {
///     assert_eq!(log.assert_logged(Level::Info, message).request_id(), Some("req-1"));
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct RequestLayer {
    config: Arc<RequestConfig>,
}

impl RequestLayer {
    /// A layer that logs to `log`.
    pub fn new(log: Arc<dyn Logger>) -> Self {
        Self { config: Arc::new(RequestConfig::new(log)) }
    }

    /// Gives each request a flight recorder: the latest `capacity` bytes of what the level rules keep out of the log
    /// are written if the request ends in a 5xx; see
    /// [`Context::with_flight_recorder`](crate::Context::with_flight_recorder).
    #[cfg(feature = "json")]
    #[must_use]
    pub fn flight_recorder(mut self, capacity: usize) -> Self {
        Arc::make_mut(&mut self.config).recorder = Some(capacity);
        self
    }

    /// Follows the settings of the logger: [`LoggerSettings::flight_recorder`](crate::LoggerSettings).
    #[cfg(feature = "json")]
    #[must_use]
    pub fn configured(self, settings: &crate::LoggerSettings) -> Self {
        match settings.flight_recorder {
            Some(capacity) => self.flight_recorder(capacity.as_usize()),
            None => self,
        }
    }

    /// Logs requests below this path at debug level unless they fail with a 5xx: for probes.
    #[must_use]
    pub fn quiet(mut self, path: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.config).quiet.push(path.into());
        self
    }

    /// Generates every request id and starts every trace here, whatever the caller sends: for a service that faces the
    /// public.
    #[must_use]
    pub fn with_fresh_ids(mut self) -> Self {
        Arc::make_mut(&mut self.config).fresh_ids = true;
        self
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, inner: S) -> RequestService<S> {
        RequestService::new(inner, Arc::clone(&self.config))
    }
}

impl fmt::Debug for RequestLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLayer").field("quiet", &self.config.quiet).finish_non_exhaustive()
    }
}
