use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use crate::data_dir;
use crate::error::{Context, Server, TestkitError};
use crate::port::with_free_port;
use crate::process::ProcessId;
use crate::program::Program;
use crate::server::{Launch, LocalServer};
use crate::supervisor::Lifetime;

/// No snapshots: the append-only file has every write, and a fork for each snapshot would slow the tests.
pub(super) const SETTINGS: &str = "daemonize no\nappendonly yes\nsave \"\"\n";

/// Starts a private server on a free port; `config` is lines of `valkey.conf`.
pub(super) fn start(program: &Program, config: &str) -> Result<LocalServer, TestkitError> {
    let base = data_dir::base()?;
    data_dir::sweep(&base);
    with_free_port(|port| {
        let folder = data_dir::new_folder(&base, "valkey", ProcessId::current(), None)?;
        launch(program, &folder, Lifetime::ThisProcess, port, config)
    })
}

/// Starts the server on this port, with its data in this folder.
pub(crate) fn launch(
    program: &Program,
    folder: &Path,
    lifetime: Lifetime,
    port: u16,
    config: &str,
) -> Result<LocalServer, TestkitError> {
    let (file, data) = (folder.join("valkey.conf"), folder.join("data"));
    data_dir::write(&file, &format!("{SETTINGS}{config}\nbind {}\nport {port}\n", Ipv4Addr::LOCALHOST))?;
    fs::create_dir_all(&data).context(|| format!("cannot create {}", data.display()))?;
    LocalServer::launch(Launch {
        server: Server::Valkey,
        lifetime,
        command: vec![program.binary().into(), file.into(), "--dir".into(), data.into()],
        folder: folder.to_owned(),
        stop: "KILL",
        user: None,
        port,
        ready: |_folder, port, _pid| answers(&format!("{}:{port}", Ipv4Addr::LOCALHOST)),
    })
}

/// Whether a server that accepts commands listens there. One with a password refuses the ping, and one that still reads its
/// append-only file says so.
pub(super) fn answers(address: &str) -> bool {
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
