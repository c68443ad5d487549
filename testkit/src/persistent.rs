use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use rustix::process::Signal;

use crate::data_dir;
use crate::error::{Context, Server, TestkitError};
use crate::port::with_free_port;
use crate::postgres::{self, Template};
use crate::process::ProcessId;
use crate::program::Program;
use crate::supervisor::Lifetime;
use crate::{nats, valkey, wait::wait_until};

/// A local server that runs until it is stopped: what `cargo xtask up` starts where there is no Docker.
///
/// Its data directory is a folder that the caller chooses, and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersistentServer {
    /// What it is.
    pub server: Server,
    /// How to reach it.
    pub url: String,
    process: ProcessId,
}

impl PersistentServer {
    /// Starts it on its usual port (5432, 4222, 6379) if that is free and on another one if not; what runs already in this
    /// folder is returned as it is.
    ///
    /// # Errors
    /// [`TestkitError::Start`] and [`TestkitError::Io`].
    pub fn start(program: &Program, folder: &Path) -> Result<Self, TestkitError> {
        if let Some(running) = Self::running(program.server, folder) {
            return Ok(running);
        }
        let parent = folder.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).context(|| format!("cannot create {}", parent.display()))?;
        let (process, url) = match program.server {
            Server::Postgres => {
                let template = Template::in_folder(program, folder)?;
                let launch = |port| {
                    postgres::launch(program, folder, &template.password, Lifetime::UntilStopped, port, &[])
                };
                let cluster = on_usual_port(5432, launch)?;
                (cluster.server.process(), cluster.url)
            }
            Server::Nats => {
                std::fs::create_dir_all(folder).context(|| format!("cannot create {}", folder.display()))?;
                let server = on_usual_port(4222, |port| {
                    nats::launch(program, folder, Lifetime::UntilStopped, port, "")
                })?;
                (server.process(), format!("nats://{}:{}", Ipv4Addr::LOCALHOST, server.port()))
            }
            Server::Valkey => {
                std::fs::create_dir_all(folder).context(|| format!("cannot create {}", folder.display()))?;
                let server = on_usual_port(6379, |port| {
                    valkey::launch(program, folder, Lifetime::UntilStopped, port, "")
                })?;
                (server.process(), format!("redis://{}:{}", Ipv4Addr::LOCALHOST, server.port()))
            }
            Server::PgBouncer | Server::Prometheus => {
                let reason = "a test starts its own".to_owned();
                return Err(TestkitError::Start { server: program.server, reason, log: String::new() });
            }
        };
        let Some(process) = process else {
            let reason = "it ended at once".to_owned();
            return Err(TestkitError::Start { server: program.server, reason, log: String::new() });
        };
        data_dir::write(&folder.join("persistent"), &format!("{process} {url}\n"))?;
        Ok(Self { server: program.server, url, process })
    }

    /// The server that was started in this folder and still runs.
    pub fn running(server: Server, folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join("persistent")).ok()?;
        let (process, url) = text.trim().split_once(' ')?;
        let process: ProcessId = process.parse().ok()?;
        process.is_alive().then(|| Self { server, url: url.to_owned(), process })
    }

    /// The process to look for.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Stops it in order, by its pid; false when it does not end within a minute.
    pub fn stop(&self) -> bool {
        let signal = match self.server {
            Server::Postgres => Signal::INT,
            Server::Nats | Server::PgBouncer | Server::Valkey | Server::Prometheus => Signal::TERM,
        };
        self.process.signal(signal);
        wait_until(std::time::Duration::from_secs(60), || (!self.process.is_alive()).then_some(())).is_some()
    }
}

fn on_usual_port<T>(
    usual: u16,
    mut start: impl FnMut(u16) -> Result<T, TestkitError>,
) -> Result<T, TestkitError> {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, usual)).is_ok() {
        match start(usual) {
            Err(error) if error.is_port_taken() => {}
            other => return other,
        }
    }
    with_free_port(start)
}
