use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::data_dir;
use crate::error::{Server, TestkitError};
use crate::owned::OwnedServer;
use crate::port::with_free_port;
use crate::postgres::template::Template;
use crate::process::ProcessId;
use crate::program::Program;
use crate::server::{Launch, LocalServer};
use crate::supervisor::Lifetime;
use crate::user::ServerUser;

/// A cluster (the word of PostgreSQL for one server with its data) that was started here.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) server: OwnedServer,
    pub(crate) url: String,
}

/// What differs from a server in production: nothing is synced to the disk, which matters only when the machine itself
/// goes down, and connections are plenty. A commit is still written before it is acknowledged, so that data survives
/// a SIGKILL of the server.
const SETTINGS: &[&str] = &[
    "fsync=off",
    "full_page_writes=off",
    "max_connections=400",
    "unix_socket_directories=",
    "dynamic_shared_memory_type=mmap",
    "timezone=UTC",
    "log_timezone=UTC",
];

/// Starts a copy of the template on a free port.
pub(crate) fn start(
    program: &Program,
    template: &Template,
    lifetime: Lifetime,
    settings: &[(&str, &str)],
) -> Result<Cluster, TestkitError> {
    start_copy(program, template, lifetime, settings, None)
}

/// Starts a primary and its hot standby, which streams from it.
///
/// Both are copies of one cluster that was shut down, so the standby needs no base backup: it replays what the primary has written since.
/// The primary keeps all of that.
#[cfg(feature = "fixtures")]
pub(crate) fn start_with_standby(
    program: &Program,
    template: &Template,
    lifetime: Lifetime,
) -> Result<[Cluster; 2], TestkitError> {
    let primary = start(program, template, lifetime, &[("wal_keep_size", "1GB")])?;
    let standby = start_copy(program, template, lifetime, &[], Some(primary.server.port()))?;
    Ok([primary, standby])
}

/// Starts a copy of the template; as a standby where the port of a primary is given.
fn start_copy(
    program: &Program,
    template: &Template,
    lifetime: Lifetime,
    settings: &[(&str, &str)],
    primary: Option<u16>,
) -> Result<Cluster, TestkitError> {
    let base = data_dir::base()?;
    data_dir::sweep(&base);
    let owner = match lifetime {
        Lifetime::Of(owner) => owner,
        Lifetime::ThisProcess | Lifetime::UntilStopped => ProcessId::current(),
    };
    let user = ServerUser::for_root();
    with_free_port(|port| {
        let folder = data_dir::new_folder(&base, "postgres", owner, user.as_ref())?;
        template.copy_into(&folder, primary, user.as_ref())?;
        launch(program, &folder, &template.password, lifetime, port, settings)
    })
}

/// Starts the cluster in `<folder>/data` on a port of the loopback interface.
pub(crate) fn launch(
    program: &Program,
    folder: &Path,
    password: &str,
    lifetime: Lifetime,
    port: u16,
    settings: &[(&str, &str)],
) -> Result<Cluster, TestkitError> {
    let mut command: Vec<OsString> = vec![
        program.path("postgres").into(),
        "-D".into(),
        folder.join("data").into(),
        "-p".into(),
        port.to_string().into(),
        "-c".into(),
        format!("listen_addresses={}", Ipv4Addr::LOCALHOST).into(),
    ];
    let own = SETTINGS.iter().map(|setting| (*setting).to_owned());
    for setting in own.chain(settings.iter().map(|(name, value)| format!("{name}={value}"))) {
        command.extend(["-c".into(), setting.into()]);
    }
    let server = LocalServer::launch(Launch {
        server: Server::Postgres,
        lifetime,
        folder: folder.to_owned(),
        command,
        stop: "QUIT",
        user: ServerUser::for_root(),
        port,
        ready,
    })?;
    Ok(Cluster {
        server: OwnedServer::Process(server),
        url: format!("postgres://postgres:{password}@{}:{port}/postgres", Ipv4Addr::LOCALHOST),
    })
}

/// PostgreSQL writes `ready` into line 8 of its pid file when it accepts connections, as `pg_ctl --wait` reads it.
fn ready(folder: &Path, _port: u16, pid: u32) -> bool {
    let text = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines();
    lines.next() == Some(pid.to_string().as_str())
        && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}
