use std::{fmt, sync::Arc};

use http::HeaderMap;
use tower_layer::Layer;

use super::{RequestService, headers};
use crate::{Context, Logger};

/// Logs one line a request and carries its [`Context`].
///
/// * The id of `x-request-id` is taken over if it is valid ([`RequestId::parse`]), otherwise one is generated; the
///   response carries it.
/// * A single valid `traceparent` is continued with a new span id and with the valid members of `tracestate`; otherwise a
///   new trace starts. [`inject`](super::inject) writes both to an outgoing request.
/// * The context is in the request's extensions for handlers, and in scope ([`Context::current`]) for what they call.
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
    shared: Arc<Shared>,
}

#[derive(Clone)]
pub(super) struct Shared {
    pub(super) log: Arc<dyn Logger>,
    quiet: Vec<String>,
    fresh_ids: bool,
    #[cfg(feature = "json")]
    recorder: Option<usize>,
}

impl RequestLayer {
    /// A layer that logs to `log`.
    pub fn new(log: Arc<dyn Logger>) -> Self {
        let shared = Shared {
            log,
            quiet: Vec::new(),
            fresh_ids: false,
            #[cfg(feature = "json")]
            recorder: None,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Gives each request a flight recorder: the latest `capacity` bytes of what the level rules keep out of the log
    /// are written if the request ends in a 5xx; see [`Context::with_flight_recorder`].
    #[cfg(feature = "json")]
    #[must_use]
    pub fn flight_recorder(mut self, capacity: usize) -> Self {
        Arc::make_mut(&mut self.shared).recorder = Some(capacity);
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
        Arc::make_mut(&mut self.shared).quiet.push(path.into());
        self
    }

    /// Generates every request id and starts every trace here, whatever the caller sends: for a service that faces the
    /// public.
    #[must_use]
    pub fn with_fresh_ids(mut self) -> Self {
        Arc::make_mut(&mut self.shared).fresh_ids = true;
        self
    }
}

impl Shared {
    pub(super) fn context(&self, headers: &HeaderMap) -> Context {
        let ctx = if self.fresh_ids { headers::fresh() } else { headers::extract(headers) };
        #[cfg(feature = "json")]
        if let Some(capacity) = self.recorder {
            return ctx.with_flight_recorder(capacity);
        }
        ctx
    }

    pub(super) fn is_quiet(&self, path: &str) -> bool {
        self.quiet.iter().any(|quiet| {
            let rest = path.strip_prefix(quiet.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, inner: S) -> RequestService<S> {
        RequestService::new(inner, Arc::clone(&self.shared))
    }
}

impl fmt::Debug for RequestLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLayer").field("quiet", &self.shared.quiet).finish_non_exhaustive()
    }
}
