//! `cargo xtask up` and `down`: servers to work with, from docker compose or from local binaries.

use std::path::PathBuf;
use std::process::Command;

use underpin_testkit::{PersistentServer, Server, cache_folder};

use crate::fetch;
use crate::shell::{Done, root, run, succeeds};

const SERVERS: [(Server, &str, &str); 2] =
    [(Server::Postgres, "DATABASE_URL", "postgres"), (Server::Nats, "NATS_URL", "nats")];

/// Prints two `export` lines and nothing else on standard output: `eval "$(cargo xtask up)"` sets both.
pub(crate) fn up(local: bool) -> Done {
    if !local && has_docker_engine() {
        // Its progress goes to standard error.
        run(compose().args(["up", "--detach", "--wait"]))?;
        let port = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
        println!(
            "export DATABASE_URL=postgres://underpin:underpin@127.0.0.1:{}/underpin",
            port("POSTGRES_PORT", "5432")
        );
        println!("export NATS_URL=nats://127.0.0.1:{}", port("NATS_PORT", "4222"));
        return Ok(());
    }
    for (server, variable, _) in SERVERS {
        let server_process = match running(server) {
            Some(server_process) => server_process,
            None => {
                let program = fetch::find_or_fetch(server)?;
                let folder = folder(server).join(program.version.major.to_string());
                eprintln!("starting {program}, data in {}", folder.display());
                PersistentServer::start(&program, &folder).map_err(|error| error.explain().to_string())?
            }
        };
        eprintln!("{server} runs with pid {}", server_process.pid());
        println!("export {variable}={}", server_process.url);
    }
    Ok(())
}

pub(crate) fn down() -> Done {
    for (server, _, _) in SERVERS {
        if let Some(server_process) = running(server) {
            if !server_process.stop() {
                return Err(format!("{server} with pid {} does not end", server_process.pid()));
            }
            eprintln!("{server} with pid {} has ended", server_process.pid());
        }
    }
    if has_docker_engine() { run(compose().arg("down")) } else { Ok(()) }
}

/// The folders of one server, one per major version: PostgreSQL cannot read the data of another.
fn folder(server: Server) -> PathBuf {
    let name = SERVERS.iter().find_map(|(known, _, name)| (*known == server).then_some(*name));
    cache_folder().join("up").join(name.unwrap_or_default())
}

fn running(server: Server) -> Option<PersistentServer> {
    let versions = std::fs::read_dir(folder(server)).into_iter().flatten().filter_map(Result::ok);
    versions.map(|version| version.path()).find_map(|folder| PersistentServer::running(server, &folder))
}

/// Whether a container engine answers; its client alone is no use.
pub(crate) fn has_engine() -> bool {
    succeeds(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]))
}

/// Whether an engine answers and its client has compose.
pub(crate) fn has_docker_engine() -> bool {
    has_engine() && succeeds(Command::new("docker").args(["compose", "version"]))
}

fn compose() -> Command {
    let mut command = Command::new("docker");
    command.arg("compose").current_dir(root());
    command
}
