use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use crate::data_dir;
use crate::error::{Server, TestkitError};
use crate::nats::info::Info;
use crate::port::with_free_port;
use crate::process::ProcessId;
use crate::program::Program;
use crate::server::{Launch, LocalServer};
use crate::supervisor::Lifetime;

/// Starts a private server on a free port; `config` is the text of a configuration file.
pub(crate) fn start(program: &Program, config: &str) -> Result<LocalServer, TestkitError> {
    let base = data_dir::base()?;
    data_dir::sweep(&base);
    with_free_port(|port| {
        let folder = data_dir::new_folder(&base, "nats", ProcessId::current(), None)?;
        launch(program, &folder, Lifetime::ThisProcess, port, config)
    })
}

/// Starts `nats-server` with JetStream on a port of the loopback interface, as the current user.
pub(crate) fn launch(
    program: &Program,
    folder: &Path,
    lifetime: Lifetime,
    port: u16,
    config: &str,
) -> Result<LocalServer, TestkitError> {
    let file = folder.join("nats.conf");
    data_dir::write(&file, config)?;
    let mut command = vec![program.path("nats-server").into_os_string()];
    command.extend(["--addr".into(), Ipv4Addr::LOCALHOST.to_string().into()]);
    command.extend(["--port".into(), port.to_string().into()]);
    command.extend(["--jetstream".into(), "--store_dir".into(), folder.join("data").into()]);
    command.extend(["--config".into(), file.into()]);
    let (server, folder, stop) = (Server::Nats, folder.to_owned(), "KILL");
    LocalServer::launch(Launch { server, lifetime, folder, command, stop, user: None, port, ready })
}

fn ready(_folder: &Path, port: u16, _pid: u32) -> bool {
    Info::of(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_some_and(|info| info.jetstream)
}
