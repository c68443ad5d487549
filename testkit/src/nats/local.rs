use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::error::{Context, Server, TestkitError};
use crate::guardian::Life;
use crate::place;
use crate::port::free_port;
use crate::process::ProcessId;
use crate::program::Program;
use crate::server::{Launch, LocalServer};

/// Starts `nats-server` with JetStream on a free port of the loopback interface, as the current user.
///
/// `config` is appended to the command as a configuration file when it is not empty.
pub(crate) fn start(program: &Program, config: &str) -> Result<LocalServer, TestkitError> {
    let base = place::base()?;
    place::sweep(&base);
    let mut last = None;
    // Another process may take the port between the choice and the start.
    for _ in 0..5 {
        match start_on(program, config, &base, free_port()?) {
            Err(error) if error.is_port_taken() => last = Some(error),
            other => return other,
        }
    }
    Err(last.unwrap_or(TestkitError::NotFound { server: Server::Nats, looked: Vec::new() }))
}

fn start_on(program: &Program, config: &str, base: &Path, port: u16) -> Result<LocalServer, TestkitError> {
    let folder = place::new_folder(base, "nats", ProcessId::current(), None)?;
    let mut command = vec![
        program.path("nats-server").into_os_string(),
        "--addr".into(),
        Ipv4Addr::LOCALHOST.to_string().into(),
        "--port".into(),
        port.to_string().into(),
        "--jetstream".into(),
        "--store_dir".into(),
        folder.join("data").into(),
    ];
    if !config.is_empty() {
        let file = folder.join("nats.conf");
        std::fs::write(&file, config).context(|| format!("cannot write {}", file.display()))?;
        command.extend(["--config".into(), file.into()]);
    }
    LocalServer::launch(Launch {
        server: Server::Nats,
        life: Life::OfThisProcess,
        folder,
        command,
        stop: "KILL",
        user: None,
        port,
        ready,
    })
}

/// The first thing that the server says to a client is a line `INFO {...}`; it says so once JetStream is up.
fn ready(_folder: &Path, port: u16, _pid: u32) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let mut line = String::new();
    let read = stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .and_then(|()| BufReader::new(stream).read_line(&mut line).map(|_| ()));
    read.is_ok() && line.starts_with("INFO ") && line.contains("\"jetstream\":true")
}
