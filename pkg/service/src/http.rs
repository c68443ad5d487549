//! The HTTP server of [`underpin_http`] as a traffic component, and what an adopter needs of that crate (feature `http`).

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use underpin_errors::Error;
use underpin_http::{HttpServer, ServingStatus};

#[cfg(feature = "tls")]
pub use underpin_http::TlsSettings;
#[cfg(feature = "openapi")]
pub use underpin_http::openapi;
pub use underpin_http::{CorsSettings, Http2Settings, HttpSettings, Page, Standard, changes, standard};

use crate::{Component, Deadline, Gate, Opening, ServiceState, Stopped};

/// An HTTP server as a traffic component: it drains with the service. See [`HttpServer`].
///
/// # Examples
/// ```
/// use axum::{Router, routing::get};
/// use underpin_service::testing::TestService;
/// use underpin_service::{Ended, Http, HttpSettings, http::standard};
///
/// # #[tokio::main] async fn main() {
/// let settings = HttpSettings::default().port(0);
/// let ended = TestService::new(())
///     .run(
///         async |start| {
///             let routes = Router::new().route("/", get(async || "hello"));
///             start.traffic(Http::new(&settings, standard(routes, &settings, start.log())));
///             Ok(())
///         },
///         async |service| assert!(service.address("http").is_some()),
///     )
///     .await;
/// assert!(matches!(ended, Ended::Clean { .. }));
/// # }
/// ```
#[derive(Debug)]
pub struct Http(HttpServer);

impl Http {
    /// A server for these routes, named `http`. It listens once it is started.
    pub fn new(settings: &HttpSettings, routes: Router) -> Self {
        Self(HttpServer::new(settings, routes))
    }

    /// Gives the server another name, for a second one. It names the block of the settings in errors.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self(self.0.named(name))
    }

    /// The address it listens on. None before the start.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address()
    }
}

#[async_trait]
impl Component for Http {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn attach(&self, at: &Opening) {
        self.0.attach(Arc::clone(&at.log), Arc::new(at.gate.clone()));
    }

    async fn start(&self) -> Result<(), Error> {
        self.0.start().await
    }

    async fn quiesce(&self) {
        self.0.stop_accepting();
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        match self.0.stop(deadline.left()).await {
            0 => Stopped::Clean,
            1 => Stopped::cut("1 request"),
            cut => Stopped::cut(format!("{cut} requests")),
        }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.address().into_iter().collect()
    }
}

impl ServingStatus for Gate {
    fn is_ready(&self) -> bool {
        self.state() == ServiceState::Ready
    }

    fn is_draining(&self) -> bool {
        Gate::is_draining(self)
    }

    fn word(&self) -> &str {
        self.state().as_str()
    }

    fn draining(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.reached(ServiceState::Draining))
    }
}
