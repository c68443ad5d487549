use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use tokio::sync::Semaphore;
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;
use tower_service::Service;
use underpin_errors::HealthChecks;
use underpin_logger::Logger;

use super::health::Bridge;
use super::layer::{CallConfig, CallService};
use super::meters;
use crate::{HttpSettings, ServingStatus};

/// gRPC services as routes. See the [module](crate::grpc).
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use axum::Router;
/// use underpin_errors::HealthChecks;
/// use underpin_http::grpc::Grpc;
/// use underpin_http::{Drain, HttpServer, HttpSettings};
/// use underpin_logger::NoopLogger;
///
/// # #[tokio::main] async fn main() -> Result<(), underpin_errors::Error> {
/// let settings = HttpSettings::default().port(0);
/// // With services: `.add(GreeterServer::new(greeter))`.
/// let grpc = Grpc::new(&settings, Arc::new(NoopLogger)).health(Drain::default(), HealthChecks::new());
/// let server = HttpServer::new(&settings, Router::new().merge(grpc.into_routes()));
/// server.start().await?;
/// # Ok(())
/// # }
/// ```
pub struct Grpc {
    routes: Router,
    config: Arc<CallConfig>,
    services: Vec<&'static str>,
    health: Option<(Arc<dyn ServingStatus>, HealthChecks)>,
}

impl Grpc {
    /// No services yet. Of the settings it takes the request timeout and the number of calls in flight.
    pub fn new(settings: &HttpSettings, log: Arc<dyn Logger>) -> Self {
        meters::describe();
        let permits = Arc::new(Semaphore::new(settings.max_in_flight));
        let config = Arc::new(CallConfig { log, permits, limit: settings.request_timeout });
        Self { routes: Router::new(), config, services: Vec::new(), health: None }
    }

    /// Adds a service, as tonic generates it.
    ///
    /// # Panics
    /// When a service of this name was added before.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "the word of tonic's builders, and no sum")]
    pub fn add<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<tonic::body::Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.services.push(S::NAME);
        self.route(service, true)
    }

    /// Adds `grpc.health.v1.Health` for the services and for the whole (`""`): serving while the service is ready and no required check is down.
    #[must_use]
    pub fn health(mut self, status: impl ServingStatus, checks: HealthChecks) -> Self {
        self.health = Some((Arc::new(status), checks));
        self
    }

    /// The routes: merge them into those of HTTP, or give them to a server of their own.
    pub fn into_routes(mut self) -> Router {
        match self.health.take() {
            Some((status, checks)) => {
                let bridge = Bridge::new(status, checks, self.services.clone());
                self.route(HealthServer::new(bridge), false).routes
            }
            None => self.routes,
        }
    }

    fn route<S>(mut self, inner: S, is_limited: bool) -> Self
    where
        S: Service<http::Request<tonic::body::Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        let service = CallService { inner, config: Arc::clone(&self.config), is_limited };
        self.routes = self.routes.route_service(&format!("/{}/{{*method}}", S::NAME), service);
        self
    }
}

impl std::fmt::Debug for Grpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grpc").field("services", &self.services).finish_non_exhaustive()
    }
}
