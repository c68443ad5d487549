use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

use crate::blocking::blocking;
use crate::error::{Server, TestkitError, or_fail};
use crate::nats::local;
use crate::program::Program;
use crate::record;
use crate::server::LocalServer;

/// A NATS server with JetStream, empty at the start, which the test may kill, restart and pause. Port and data stay.
///
/// It ends with the value, and also when the test process is killed. Some 50 ms to start.
///
/// ```
/// # async fn run() {
/// use underpin_testkit::NatsServer;
///
/// let nats = NatsServer::start().await;
/// assert!(nats.url().starts_with("nats://"));
/// # }
/// ```
#[derive(Debug)]
pub struct NatsServer {
    url: String,
    server: Arc<Mutex<LocalServer>>,
}

impl NatsServer {
    /// Starts one.
    ///
    /// # Panics
    /// When no server can be had; the message names every remedy.
    pub async fn start() -> Self {
        or_fail(Self::try_private("").await)
    }

    /// Starts one that is ours to kill.
    ///
    /// # Panics
    /// When no local binary is there; the message names every remedy.
    pub async fn private() -> Self {
        or_fail(Self::try_private("").await)
    }

    /// Starts one with lines of `nats-server.conf`, for example `authorization { token: "t" }`.
    ///
    /// # Panics
    /// Like [`private`](Self::private), and when the server refuses the configuration.
    pub async fn private_with(config: &str) -> Self {
        or_fail(Self::try_private(config).await)
    }

    /// Starts one with lines of `nats-server.conf`.
    ///
    /// # Errors
    /// [`TestkitError::NotFound`] without a local binary, [`TestkitError::Start`] when it does not come up.
    pub async fn try_private(config: &str) -> Result<Self, TestkitError> {
        let config = config.to_owned();
        let server = blocking(move || {
            let program = Program::find(Server::Nats)?;
            let server = local::start(&program, &config)?;
            record::used(&format!("{program}, private"));
            Ok(server)
        })
        .await?;
        Ok(Self { url: format!("nats://127.0.0.1:{}", server.port()), server: Arc::new(Mutex::new(server)) })
    }

    /// `nats://host:port`; the same after a restart.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port on the loopback interface; the same after a restart.
    pub fn port(&self) -> u16 {
        self.lock().port()
    }

    /// Whether its process lives, paused or not.
    pub fn is_running(&self) -> bool {
        self.lock().is_running()
    }

    /// What the server has written to its log so far.
    pub fn log(&self) -> String {
        self.lock().log()
    }

    /// SIGKILL; returns when it is gone. What was acknowledged survives.
    pub async fn kill(&self) {
        self.with(LocalServer::kill).await;
    }

    /// An orderly shutdown (SIGTERM); returns when it is gone.
    pub async fn stop(&self) {
        self.with(|server| server.stop(Signal::TERM)).await;
    }

    /// Starts it when it does not run ([`kill`](Self::kill), [`stop`](Self::stop)), and stops it before when it does;
    /// returns when it accepts connections.
    ///
    /// # Panics
    /// When it does not come up; the message shows its log.
    pub async fn restart(&self) {
        or_fail(
            self.with(|server| {
                server.stop(Signal::TERM);
                server.start()
            })
            .await,
        );
    }

    /// SIGSTOP: connections stay open and nobody answers.
    pub async fn pause(&self) {
        self.with(|server| server.pause()).await;
    }

    /// Goes on after [`pause`](Self::pause).
    pub async fn resume(&self) {
        self.with(|server| server.resume()).await;
    }

    fn lock(&self) -> MutexGuard<'_, LocalServer> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut LocalServer) -> T + Send + 'static) -> T {
        let server = Arc::clone(&self.server);
        blocking(move || work(&mut server.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

impl Drop for NatsServer {
    /// Stops the server and removes its folder; some 20 ms.
    fn drop(&mut self) {
        self.lock().close();
    }
}
