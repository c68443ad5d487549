//! Valkey or Redis: how it is started, and what a test holds of it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use rustix::process::Signal;

use crate::blocking::blocking;
use crate::container::{Container, ContainerOptions};
use crate::data_dir;
use crate::error::{Context, Server, TestkitError, or_fail};
use crate::owned::OwnedServer;
use crate::port::with_free_port;
use crate::private::PrivateServer;
use crate::process::ProcessId;
use crate::program::Program;
use crate::record;
use crate::server::{Launch, LocalServer};
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
        let config = format!("{SETTINGS}{config}\n");
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

/// No snapshots: the append-only file has every write, and a fork for each snapshot would slow the tests.
const SETTINGS: &str = "daemonize no\nappendonly yes\nsave \"\"\n";

fn start(program: &Program, config: &str) -> Result<LocalServer, TestkitError> {
    let base = data_dir::base()?;
    data_dir::sweep(&base);
    with_free_port(|port| {
        let folder = data_dir::new_folder(&base, "valkey", ProcessId::current(), None)?;
        let (file, data) = (folder.join("valkey.conf"), folder.join("data"));
        data_dir::write(&file, &format!("{config}bind {}\nport {port}\n", Ipv4Addr::LOCALHOST))?;
        fs::create_dir(&data).context(|| format!("cannot create {}", data.display()))?;
        LocalServer::launch(Launch {
            server: Server::Valkey,
            lifetime: Lifetime::ThisProcess,
            command: vec![program.binary().into(), file.into(), "--dir".into(), data.into()],
            folder,
            stop: "KILL",
            user: None,
            port,
            ready: |_folder, port, _pid| answers(&format!("{}:{port}", Ipv4Addr::LOCALHOST)),
        })
    })
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
        file: Some((FILE, format!("{config}bind 0.0.0.0\nprotected-mode no\ndir /data\n"))),
        arguments: vec!["valkey-server".to_owned(), FILE.to_owned()],
        url: "redis://{address}".to_owned(),
        ready: |url| answers(&UrlParts::of(url).address(6379)),
    })
}

/// Whether a server that accepts commands listens there. One with a password refuses the ping, and one that still reads its
/// append-only file says so.
fn answers(address: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = address.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::NotFound)?;
        let limit = Duration::from_secs(1);
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(matches!(&answer, b"+PONG" | b"-NOAU"))
    };
    ask().unwrap_or(false)
}
