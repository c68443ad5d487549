use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::error::{Server, TestkitError};
use crate::guardian::Life;
use crate::place;
use crate::port::free_port;
use crate::postgres::template::Template;
use crate::process::ProcessId;
use crate::program::Program;
use crate::server::{Launch, LocalServer};
use crate::user::ServerUser;

/// A cluster (the word of PostgreSQL for one server with its data) that was started here.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) server: LocalServer,
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

/// Starts a copy of the template on a free port of the loopback interface.
pub(crate) fn start(
    program: &Program,
    template: &Template,
    life: Life,
    settings: &[(&str, &str)],
) -> Result<Cluster, TestkitError> {
    let base = place::base()?;
    place::sweep(&base);
    let mut last = None;
    // Another process may take the port between the choice and the start.
    for _ in 0..3 {
        match start_on(program, template, life, settings, &base, free_port()?) {
            Err(error) if error.is_port_taken() => last = Some(error),
            other => return other,
        }
    }
    Err(last.unwrap_or(TestkitError::NotFound { server: Server::Postgres, looked: Vec::new() }))
}

fn start_on(
    program: &Program,
    template: &Template,
    life: Life,
    settings: &[(&str, &str)],
    base: &Path,
    port: u16,
) -> Result<Cluster, TestkitError> {
    let owner = match life {
        Life::Of(owner) => owner,
        Life::OfThisProcess => ProcessId::current(),
    };
    let user = ServerUser::for_root();
    let folder = place::new_folder(base, "postgres", owner, user.as_ref())?;
    template.copy_into(&folder, user.as_ref())?;
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
        life,
        folder,
        command,
        stop: "QUIT",
        user,
        port,
        ready,
    })?;
    let url = format!("postgres://postgres:{}@{}:{port}/postgres", template.password, Ipv4Addr::LOCALHOST);
    Ok(Cluster { server, url })
}

/// PostgreSQL writes `ready` into line 8 of its pid file when it accepts connections, as `pg_ctl --wait` reads it.
fn ready(folder: &Path, _port: u16, pid: u32) -> bool {
    let text = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines();
    lines.next() == Some(pid.to_string().as_str())
        && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}
