use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::{Context, Logger, info};

use super::accept::{accept, listen};
use super::meters;
use super::state::ServerState;
use crate::{HttpSettings, ServingStatus};

/// How long before the deadline connections are aborted: time for sockets to close and for the report.
const ABORT_MARGIN: Duration = Duration::from_millis(50);

/// An HTTP server for axum routes. See the [crate](crate).
///
/// # Stop
///
/// | when | HTTP/1 | HTTP/2 |
/// |---|---|---|
/// | the service drains ([`attach`](Self::attach), [`drain`](Self::drain)) | still accepts; responses say `Connection: close` | still accepts |
/// | [`stop_accepting`](Self::stop_accepting) | idle connections close, others after their response | GOAWAY; open streams go on |
/// | at once | event streams end after the event that is being sent | the same |
/// | half of the time of [`stop`](Self::stop) | | gRPC streams end with `UNAVAILABLE` |
/// | shortly before its end | connections are aborted, their requests counted | the same |
pub struct HttpServer {
    state: Arc<ServerState>,
    address: OnceLock<SocketAddr>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl HttpServer {
    /// A server for these routes, named `http`. It listens once it is started.
    pub fn new(settings: &HttpSettings, routes: Router) -> Self {
        let state = Arc::new(ServerState::new(settings, routes));
        Self { state, address: OnceLock::new(), accepting: Mutex::new(None) }
    }

    /// Gives the server another name. It labels logs and metrics, and names the block of the settings in errors.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        // Not shared before the start.
        if let Some(state) = Arc::get_mut(&mut self.state) {
            state.name = name.into();
        }
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Gives the server a log, and the status of the service that it belongs to. The first call counts.
    pub fn attach(&self, log: Arc<dyn Logger>, status: Arc<dyn ServingStatus>) {
        self.state.attach(log, status);
    }

    /// The address it listens on. None before the start.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address.get().copied()
    }

    /// Takes the port, and accepts from now on.
    ///
    /// # Errors
    /// When the port is taken or the files of TLS cannot be used. The text names the setting.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn start(&self) -> Result<(), Error> {
        meters::describe();
        #[cfg(feature = "tls")]
        if let Some(settings) = self.state.settings.tls.clone() {
            let opened = tokio::task::spawn_blocking(move || super::tls::Tls::open(&settings)).await;
            let _first = self.state.tls.set(opened.wrap_err(Kind::Internal, "read the certificate")??);
        }
        let (wanted, name) = (self.state.settings.address(), &self.state.name);
        let mut accepting = self.accepting.lock().await;
        let hint = format!("listen on {wanted} (see {name}.host and {name}.port)");
        let listener = listen(wanted).wrap_err(Kind::Unavailable, hint)?;
        let address = listener.local_addr().wrap_err(Kind::Internal, "read the address of the listener")?;
        let _first = self.address.set(address);
        info!(self.state.log(), &Context::background(), "listening", server = name, address = %address);
        *accepting = Some(tokio::spawn(accept(listener, Arc::clone(&self.state))));
        Ok(())
    }

    /// Still accepts, and closes each HTTP/1 connection with its next response.
    pub fn drain(&self) {
        self.state.start_draining();
    }

    /// Closes the listener and idle connections. Requests in progress go on.
    pub fn stop_accepting(&self) {
        self.state.shut_down();
    }

    /// Waits for the requests in progress, at most for so long. Returns how many were cut off.
    ///
    /// # Cancel safety
    /// Dropped, it aborts all connections.
    pub async fn stop(&self, within: Duration) -> usize {
        self.state.shut_down();
        let abort = AbortOnDrop(&self.state);
        let now = Instant::now();
        let accepting = self.accepting.lock().await.take();
        let all = async {
            if let Some(accepting) = accepting {
                let _panicked = accepting.await;
            }
            self.state.connections.wait().await;
        };
        let mut all = std::pin::pin!(all);
        let left = within.saturating_sub(ABORT_MARGIN);
        if timeout_at(now + left / 2, all.as_mut()).await.is_ok() {
            return 0;
        }
        self.state.end_calls.cancel();
        if timeout_at(now + left, all.as_mut()).await.is_ok() {
            return 0;
        }
        let cut = self.state.requests();
        drop(abort);
        let _late = timeout_at(now + within, all).await;
        if cut > 0 {
            meters::cut(&self.state.name, cut);
        }
        cut
    }
}

impl std::fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpServer")
            .field("name", &self.state.name)
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

/// Connections end with their server.
impl Drop for HttpServer {
    fn drop(&mut self) {
        self.state.abort();
    }
}

/// Aborts all connections when the stop is over, or was dropped.
struct AbortOnDrop<'a>(&'a ServerState);

impl Drop for AbortOnDrop<'_> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
