use rustix::process::Signal;

use crate::blocking::blocking;
use crate::error::{Server, TestkitError, or_fail};
use crate::nats::{container, given, local};
use crate::owned::OwnedServer;
use crate::port::random_text;
use crate::private::PrivateServer;
use crate::program::Program;
use crate::record;
use crate::source::Source;

/// A NATS server with JetStream for one test.
///
/// [`start`](Self::start) takes the server of `NATS_URL` if that is set, and else starts one that is empty at the start
/// and belongs to the test alone. [`private`](Self::private) starts one in any case: it is for tests that kill, stop or
/// pause their server, or that need it empty. What the test kit started ends with the value, and also when the test
/// process is killed; port and data stay over a kill and a restart.
///
/// # Under `NATS_URL`
/// Other tests use the same server at the same time. A test that wants to pass there too takes its names from
/// [`unique`](Self::unique), deletes its streams, and does not count what is on the server.
///
/// ```
/// # async fn run() {
/// use underpin_testkit::NatsServer;
///
/// let nats = NatsServer::start().await;
/// assert!(nats.url().starts_with("nats://"));
/// assert_ne!(nats.unique("ORDERS"), NatsServer::start().await.unique("ORDERS"));
/// # }
/// ```
#[derive(Debug)]
pub struct NatsServer {
    url: String,
    mark: String,
    /// `None` for the server of `NATS_URL`.
    own: Option<PrivateServer>,
}

impl NatsServer {
    /// The server of `NATS_URL`, or a private one; some 50 ms.
    ///
    /// # Panics
    /// When no server can be had; the message names every remedy.
    pub async fn start() -> Self {
        or_fail(Self::try_start().await)
    }

    /// The server of `NATS_URL`, or a private one.
    ///
    /// # Errors
    /// [`TestkitError::Given`] when the server of `NATS_URL` is not there, too old, or lacks JetStream; else like
    /// [`try_private`](Self::try_private).
    pub async fn try_start() -> Result<Self, TestkitError> {
        match blocking(given::url).await? {
            Some(url) => Self::new(url, None),
            None => Self::try_private("").await,
        }
    }

    /// Starts a private one, also when `NATS_URL` is set.
    ///
    /// # Panics
    /// When there is no local binary and no container engine; the message names every remedy.
    pub async fn private() -> Self {
        or_fail(Self::try_private("").await)
    }

    /// Starts one of a pinned version, such as `2.10`, from the cache that `cargo xtask test` fills.
    ///
    /// # Panics
    /// When the cache has no such version.
    pub async fn private_version(version: &str) -> Self {
        let version = version.to_owned();
        let started = blocking(move || {
            let program = Program::find_version(Server::Nats, &version)?;
            let server = local::start(&program, "")?;
            record::used(&format!("{program}, private"));
            Ok((format!("nats://127.0.0.1:{}", server.port()), OwnedServer::Process(server)))
        });
        let (url, server) = or_fail(started.await);
        or_fail(Self::new(url, Some(PrivateServer::new(server))))
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
    /// [`TestkitError::NotFound`] without a local binary and container engine, [`TestkitError::Start`] when it does not come up.
    pub async fn try_private(config: &str) -> Result<Self, TestkitError> {
        let config = config.to_owned();
        let (url, server) = blocking(move || match Source::find(Server::Nats)? {
            Source::Local(program) => {
                let server = local::start(&program, &config)?;
                record::used(&format!("{program}, private"));
                Ok((format!("nats://127.0.0.1:{}", server.port()), OwnedServer::Process(server)))
            }
            Source::Container => {
                let container = container::start(&config)?;
                record::used("nats-server in a container, private");
                Ok((container.url().to_owned(), OwnedServer::Container(container)))
            }
        })
        .await?;
        Self::new(url, Some(PrivateServer::new(server)))
    }

    pub(super) fn new(url: String, own: Option<PrivateServer>) -> Result<Self, TestkitError> {
        Ok(Self { url, mark: random_text::<4>()?, own })
    }

    /// `nats://host:port`; the same after a restart.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `<name>_<mark>`, with a mark of this value's own: a stream, a durable or a first token of subjects that no other
    /// test uses, for the case that they share a server.
    pub fn unique(&self, name: &str) -> String {
        format!("{name}_{}", self.mark)
    }

    /// Whether the test kit started the server for this test, so that it is empty at the start and may be killed.
    pub fn is_private(&self) -> bool {
        self.own.is_some()
    }

    /// Whether its process lives, paused or not.
    ///
    /// # Panics
    /// When the server is not [private](Self::is_private).
    pub fn is_running(&self) -> bool {
        self.own("watch").is_running()
    }

    /// What the server has written to its log so far.
    ///
    /// # Panics
    /// When the server is not [private](Self::is_private).
    pub fn log(&self) -> String {
        self.own("read the log of").log()
    }

    /// SIGKILL; returns when it is gone. What was acknowledged survives.
    ///
    /// # Panics
    /// When the server is not [private](Self::is_private).
    pub async fn kill(&self) {
        self.own("kill").kill().await;
    }

    /// An orderly shutdown (SIGTERM); returns when it is gone.
    ///
    /// # Panics
    /// When the server is not [private](Self::is_private).
    pub async fn stop(&self) {
        self.own("stop").stop(Signal::TERM).await;
    }

    /// Starts it when it does not run ([`kill`](Self::kill), [`stop`](Self::stop)), and stops it before when it does;
    /// returns when it accepts connections.
    ///
    /// # Panics
    /// When the server is not [private](Self::is_private), and when it does not come up; the message shows its log.
    pub async fn restart(&self) {
        or_fail(self.own("restart").restart(Signal::TERM).await);
    }

    /// SIGSTOP: connections stay open and get no answer.
    ///
    /// # Panics
    /// When the server is not [private](Self::is_private).
    pub async fn pause(&self) {
        self.own("pause").pause().await;
    }

    /// Lame duck mode (SIGUSR2): the server announces its shutdown, takes no new connections, and closes those it has one by one.
    ///
    /// # Panics
    /// When the server is not [private](Self::is_private).
    pub async fn lame_duck(&self) {
        self.own("stop").signal_usr2().await;
    }

    /// Goes on after [`pause`](Self::pause).
    ///
    /// # Panics
    /// When the server is not [private](Self::is_private).
    pub async fn resume(&self) {
        self.own("resume").resume().await;
    }

    fn own(&self, operation: &'static str) -> &PrivateServer {
        or_fail(self.own.as_ref().ok_or(TestkitError::NotOurs { operation }))
    }
}

impl Drop for NatsServer {
    /// Stops the server and removes its folder; some 20 ms.
    fn drop(&mut self) {
        if let Some(server) = &self.own {
            server.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_the_test_kit_did_not_start_cannot_be_killed() {
        let given = NatsServer::new("nats://h".to_owned(), None).unwrap();
        let kill = std::panic::AssertUnwindSafe(|| drop(given.own("kill").log()));
        let panic = std::panic::catch_unwind(kill).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains("cannot kill this server"), "{text}");
    }
}
