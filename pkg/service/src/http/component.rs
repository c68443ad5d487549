use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::{Context, info};

use super::accept::{accept, listen};
use super::server::Server;
use super::{HttpSettings, meters};
use crate::{Component, Deadline, Opening, Stopped};

/// How long before the deadline what is left is cut: time for sockets to close and for the report.
const ABORT_MARGIN: Duration = Duration::from_millis(50);

/// An HTTP server as a traffic component. See the [module](crate::http).
///
/// # Examples
/// ```no_run
/// # fn build(start: &mut underpin_service::Start<()>, settings: &underpin_service::HttpSettings, routes: axum::Router) {
/// let http = start.traffic(underpin_service::Http::new(settings, routes));
/// start.on_ready(async move || { let _address = http.address(); });
/// # }
/// ```
pub struct Http {
    server: Arc<Server>,
    address: OnceLock<SocketAddr>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Http {
    /// A server for these routes, named `http`. It listens once it is started.
    pub fn new(settings: &HttpSettings, routes: Router) -> Self {
        let server = Arc::new(Server::new(settings, routes));
        Self { server, address: OnceLock::new(), accepting: Mutex::new(None) }
    }

    /// With another name, for a second server. The name is also that of its block of the settings, in errors.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        // Not shared before the start.
        if let Some(server) = Arc::get_mut(&mut self.server) {
            server.name = name.into();
        }
        self
    }

    /// The address it listens on. None before the start.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address.get().copied()
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("name", &self.server.name)
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Component for Http {
    fn name(&self) -> &str {
        &self.server.name
    }

    fn attach(&self, at: &Opening) {
        self.server.attach(at);
    }

    async fn start(&self) -> Result<(), Error> {
        meters::describe();
        #[cfg(feature = "tls")]
        if let Some(settings) = self.server.settings.tls.clone() {
            let opened = tokio::task::spawn_blocking(move || super::tls::Tls::open(&settings)).await;
            let _first = self.server.tls.set(opened.wrap_err(Kind::Internal, "read the certificate")??);
        }
        let (wanted, name) = (self.server.settings.address(), &self.server.name);
        let hint = || format!("listen on {wanted} (see {name}.host and {name}.port)");
        let listener = listen(wanted).wrap_err(Kind::Unavailable, hint())?;
        let address = listener.local_addr().wrap_err(Kind::Internal, "read the address of the listener")?;
        let _first = self.address.set(address);
        info!(self.server.log(), &Context::background(), "listening", server = name, address = %address);
        *self.accepting.lock().await = Some(tokio::spawn(accept(listener, Arc::clone(&self.server))));
        Ok(())
    }

    async fn quiesce(&self) {
        self.server.shut_down();
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        self.server.shut_down();
        let abort = AbortOnDrop(&self.server);
        let accepting = self.accepting.lock().await.take();
        let limit = deadline.before(ABORT_MARGIN);
        let all = async {
            if let Some(accepting) = accepting {
                let _panicked = accepting.await;
            }
            self.server.connections.wait().await;
        };
        let mut all = std::pin::pin!(all);
        if limit.at_most(limit.left() / 2).run(all.as_mut()).await.is_some() {
            return Stopped::Clean;
        }
        self.server.end_calls.cancel();
        if limit.run(all.as_mut()).await.is_some() {
            return Stopped::Clean;
        }
        let left = self.server.requests();
        drop(abort);
        let _gone = deadline.run(all).await;
        if left == 0 {
            return Stopped::Clean;
        }
        meters::cut(&self.server.name, left);
        Stopped::cut(match left {
            1 => "1 request".to_owned(),
            _ => format!("{left} requests"),
        })
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.address().into_iter().collect()
    }
}

/// A server that nobody holds serves nobody.
impl Drop for Http {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Ends all connections when the stop is over, or was dropped.
struct AbortOnDrop<'a>(&'a Server);

impl Drop for AbortOnDrop<'_> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
