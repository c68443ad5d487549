use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::Route;
use tower_layer::Layer;
use tower_service::Service;
use underpin_logger::Logger;
use underpin_logger::tower::RequestLayer;

use super::edge::Edge;
use super::guard::Guard;
use super::health::health;
use super::limit::Limit;
use super::meters;
use super::parts::Parts;
use super::service::PartsLayer;
use crate::{HttpSettings, ServingStatus};

/// The routes with the layers of [`Standard`].
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use axum::{Router, body::Body, http::Request, routing::get};
/// use tower_service::Service;
/// use underpin_logger::NoopLogger;
/// use underpin_http::{HttpSettings, standard};
///
/// # #[tokio::main] async fn main() {
/// let routes = Router::new().route("/", get(async || "hello"));
/// let mut routes = standard(routes, &HttpSettings::default(), Arc::new(NoopLogger));
/// let response = routes.call(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
/// assert!(response.headers().contains_key("x-request-id"));
/// assert_eq!(response.headers()["x-content-type-options"], "nosniff");
/// # }
/// ```
pub fn standard(routes: Router, settings: &HttpSettings, log: Arc<dyn Logger>) -> Router {
    Standard::new(settings, log).apply(routes)
}

/// The layers around the routes of a service.
///
/// In this order, from the first that sees a request to the last:
///
/// | layer | answers by itself |
/// |---|---|
/// | [`outermost`](Self::outermost): layers of the adopter | |
/// | request id, context, span and log line ([`RequestLayer`]) | |
/// | metrics: duration by method, route, status and error code | |
/// | security headers | |
/// | CORS ([`CorsSettings`](super::CorsSettings)) | preflights |
/// | [`before_limits`](Self::before_limits): layers of the adopter | |
/// | requests in flight; the permit is released with the response's body | 503 `OVERLOADED` |
/// | [`rate_limit`](Self::rate_limit) | 429 |
/// | time limit until the head of the response | 504 `DEADLINE_EXCEEDED`, 408 `REQUEST_TIMEOUT` while the client sends |
/// | panic containment, in handler, extractor and body | 500 `INTERNAL` |
/// | body limit for extractors | 413 `BODY_TOO_LARGE` |
/// | [`innermost`](Self::innermost): authentication, idempotency | |
///
/// A response of any layer below CORS has the CORS headers, so that a web page can read an error. Apply it last: routes and fallbacks that
/// are added afterwards have no layers.
pub struct Standard {
    settings: HttpSettings,
    request: RequestLayer,
    log: Arc<dyn Logger>,
    health: Option<(String, Arc<dyn ServingStatus>)>,
    outermost: Option<Insert>,
    before_limits: Option<Insert>,
    rate_limit: Option<Insert>,
    innermost: Option<Insert>,
}

/// Puts layers of the adopter around routes.
type Insert = Box<dyn FnOnce(Router) -> Router + Send>;

macro_rules! places {
    ($($(#[$doc:meta])* $place:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $place<L>(mut self, layer: L) -> Self
        where
            L: Layer<Route> + Clone + Send + Sync + 'static,
            L::Service: Service<Request> + Clone + Send + Sync + 'static,
            <L::Service as Service<Request>>::Response: IntoResponse + 'static,
            <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
            <L::Service as Service<Request>>::Future: Send + 'static,
        {
            let inner = self.$place.take();
            self.$place = Some(Box::new(move |routes| {
                let routes = match inner {
                    Some(inner) => inner(routes),
                    None => routes,
                };
                routes.layer(layer)
            }));
            self
        }
    )*};
}

impl Standard {
    /// With these settings; logs to `log`.
    pub fn new(settings: &HttpSettings, log: Arc<dyn Logger>) -> Self {
        Self {
            settings: settings.clone(),
            request: RequestLayer::new(Arc::clone(&log)).quiet("/health"),
            log,
            health: None,
            outermost: None,
            before_limits: None,
            rate_limit: None,
            innermost: None,
        }
    }

    /// Replaces the layer that logs requests: for a flight recorder or fresh request ids.
    #[must_use]
    pub fn request_layer(mut self, layer: RequestLayer) -> Self {
        self.request = layer;
        self
    }

    /// Adds a path that answers `{"status": ".."}` with the state of the service: 200 while it is ready, otherwise 503.
    /// It shows no component, and is outside of the limits.
    #[must_use]
    pub fn health(mut self, path: impl Into<String>, status: impl ServingStatus) -> Self {
        self.health = Some((path.into(), Arc::new(status)));
        self
    }

    places! {
        /// Adds a layer outside of everything else; of several, the last is the outermost.
        outermost;
        /// Adds a layer that sees requests before the limits do, such as a coarse limit by network.
        before_limits;
        /// Adds a rate limiter.
        rate_limit;
        /// Adds a layer next to the routes, such as authentication.
        innermost;
    }

    /// Puts the layers around the routes.
    pub fn apply(self, routes: Router) -> Router {
        meters::describe();
        let Self { settings, request, log, .. } = self;
        let edge = || Some(Edge::new(&settings));
        let limit = Some(Limit::new(settings.max_in_flight, log));
        let guard = Some(Guard::new(&settings));
        let routes = insert(self.innermost, routes);
        // Each call of `layer` boxes: one call where nothing lies between.
        let routes = match (self.before_limits, self.rate_limit) {
            (None, None) => {
                let parts = Parts { edge: edge(), limit, guard };
                routes.layer((request.clone(), PartsLayer::new(parts)))
            }
            (before, rate) => {
                let [edge, limit, guard] = [
                    Parts { edge: edge(), ..Parts::default() },
                    Parts { limit, ..Parts::default() },
                    Parts { guard, ..Parts::default() },
                ]
                .map(PartsLayer::new);
                let routes = insert(rate, routes.layer(guard));
                insert(before, routes.layer(limit)).layer((request.clone(), edge))
            }
        };
        let routes = match self.health {
            Some((path, status)) => {
                let edge = PartsLayer::new(Parts { edge: edge(), ..Parts::default() });
                routes.merge(health(&path, status).layer((request, edge)))
            }
            None => routes,
        };
        insert(self.outermost, routes)
    }
}

fn insert(layers: Option<Insert>, routes: Router) -> Router {
    match layers {
        Some(layers) => layers(routes),
        None => routes,
    }
}

impl std::fmt::Debug for Standard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standard").field("settings", &self.settings).finish_non_exhaustive()
    }
}
