use rustix::process::Signal;

use super::local::{SETTINGS, answers, start};
use crate::blocking::blocking;
use crate::container::{Container, ContainerOptions};
use crate::error::{Server, TestkitError, or_fail};
use crate::owned::OwnedServer;
use crate::private::PrivateServer;
use crate::record;
use crate::source::Source;
use crate::supervisor::Lifetime;
use crate::url::UrlParts;

/// A Valkey server, or a Redis server, for one test. It is empty at the start.
///
/// It keeps an append-only file, so that a SIGKILL loses no acknowledged write. It ends with the value, and also when the test process
/// is killed; port and data stay over a kill and a restart.
///
/// ```
/// # async fn run() {
/// use underpin_testkit::ValkeyServer;
///
/// let valkey = ValkeyServer::private().await;
/// assert!(valkey.url().starts_with("redis://127.0.0.1:"));
/// valkey.kill().await;
/// valkey.restart().await;
/// # }
/// ```
#[derive(Debug)]
pub struct ValkeyServer {
    url: String,
    own: PrivateServer,
}

impl ValkeyServer {
    /// Starts one; some 50 ms.
    ///
    /// # Panics
    /// When there is no local binary and no container engine; the message names every remedy.
    pub async fn private() -> Self {
        or_fail(Self::try_private("").await)
    }

    /// Starts one with lines of `valkey.conf`, for example `requirepass love`.
    ///
    /// # Panics
    /// Like [`private`](Self::private), and when the server refuses the configuration.
    pub async fn private_with(config: &str) -> Self {
        or_fail(Self::try_private(config).await)
    }

    /// Starts one with lines of `valkey.conf`.
    ///
    /// # Errors
    /// [`TestkitError::NotFound`] without a local binary and container engine, [`TestkitError::Start`] when it does not come up.
    pub async fn try_private(config: &str) -> Result<Self, TestkitError> {
        let config = config.to_owned();
        let (url, server) = blocking(move || match Source::find(Server::Valkey)? {
            Source::Local(program) => {
                let server = start(&program, &config)?;
                record::used(&format!("{program}, private"));
                Ok((format!("redis://127.0.0.1:{}", server.port()), OwnedServer::Process(server)))
            }
            Source::Container => {
                let container = start_container(&config)?;
                record::used("Valkey in a container, private");
                Ok((container.url().to_owned(), OwnedServer::Container(container)))
            }
        })
        .await?;
        Ok(Self { url, own: PrivateServer::new(server) })
    }

    /// `redis://host:port`; the same after a restart.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether its process lives, paused or not.
    pub fn is_running(&self) -> bool {
        self.own.is_running()
    }

    /// What the server has written to its log so far.
    pub fn log(&self) -> String {
        self.own.log()
    }

    /// SIGKILL; returns when it is gone. What was acknowledged survives.
    pub async fn kill(&self) {
        self.own.kill().await;
    }

    /// An orderly shutdown (SIGTERM); returns when it is gone.
    pub async fn stop(&self) {
        self.own.stop(Signal::TERM).await;
    }

    /// Starts it when it does not run, and stops it before when it does; returns when it accepts connections.
    ///
    /// # Panics
    /// When it does not come up; the message shows its log.
    pub async fn restart(&self) {
        or_fail(self.own.restart(Signal::TERM).await);
    }

    /// SIGSTOP: connections stay open and get no answer.
    pub async fn pause(&self) {
        self.own.pause().await;
    }

    /// Goes on after [`pause`](Self::pause).
    pub async fn resume(&self) {
        self.own.resume().await;
    }
}

impl Drop for ValkeyServer {
    /// Stops the server and removes its folder; some 20 ms.
    fn drop(&mut self) {
        self.own.close();
    }
}

fn start_container(config: &str) -> Result<Container, TestkitError> {
    const FILE: &str = "/underpin-valkey.conf";
    Container::launch(&ContainerOptions {
        server: Server::Valkey,
        lifetime: Lifetime::ThisProcess,
        image: ("VALKEY_IMAGE", "valkey/valkey:8-alpine"),
        inner_port: 6379,
        options: Vec::new(),
        // The published port reaches the container from outside of its loopback interface.
        file: Some((FILE, format!("{SETTINGS}{config}\nbind 0.0.0.0\nprotected-mode no\ndir /data\n"))),
        arguments: vec!["valkey-server".to_owned(), FILE.to_owned()],
        url: "redis://{address}".to_owned(),
        ready: |url| answers(&UrlParts::of(url).address(6379)),
    })
}
