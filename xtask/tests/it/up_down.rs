//! `up`, `down` and `doctor` as a person calls them, with a cache of their own and without Docker.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use underpin_testkit::{Program, Server};

/// A cache of the test's own; what still runs from it when the test fails is stopped.
struct Cache(tempfile::TempDir);

impl Drop for Cache {
    fn drop(&mut self) {
        // A server that is missing has failed the test already, and nothing was started.
        if let Some(mut down) = xtask(self.0.path(), &["down"]) {
            down.output().unwrap();
        }
    }
}

/// The program with the servers of this machine, whatever cache they lie in; `None` where one is missing.
fn xtask(cache: &Path, task: &[&str]) -> Option<Command> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(task)
        .env("UNDERPIN_CACHE", cache)
        .env("UNDERPIN_POSTGRES_BIN", Program::find(Server::Postgres).ok()?.folder)
        .env("UNDERPIN_NATS_SERVER", Program::find(Server::Nats).ok()?.path("nats-server"))
        .env("UNDERPIN_VALKEY_SERVER", Program::find(Server::Valkey).ok()?.path("valkey-server"))
        .env("UNDERPIN_PROMETHEUS", Program::find(Server::Prometheus).ok()?.path("prometheus"))
        .env_remove("DATABASE_URL")
        .env_remove("NATS_URL")
        // No client, no Docker: `down` would stop what somebody works with.
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("DOCKER_HOST", "unix:///nowhere.sock");
    Some(command)
}

/// Runs it, and says what a missing server needs.
fn run(cache: &Path, task: &[&str]) -> Output {
    for server in [Server::Postgres, Server::Nats, Server::Valkey, Server::Prometheus] {
        let missing = Program::find(server).err().map(|missing| missing.to_string());
        assert_eq!(missing, None, "{}", missing.as_deref().unwrap_or_default());
    }
    xtask(cache, task).unwrap().output().unwrap()
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `host:port` of each URL.
fn addresses(exports: &str) -> Vec<String> {
    let after = |line: &str| line.rsplit_once("//").map(|(_, rest)| rest.to_owned());
    let urls = exports.lines().filter_map(after);
    urls.map(|url| url.rsplit('@').next().unwrap().split('/').next().unwrap().to_owned()).collect()
}

#[test]
fn up_starts_servers_that_down_stops_and_their_data_stays() {
    let held = Cache(tempfile::tempdir_in("/tmp").unwrap());
    let cache = held.0.path();
    // As root PostgreSQL is somebody else.
    fs::set_permissions(cache, Permissions::from_mode(0o755)).unwrap();
    let exports = out(&run(cache, &["up", "--local"]));
    let names: Vec<_> = exports.lines().map(|line| line.split('=').next().unwrap()).collect();
    assert_eq!(names, ["export DATABASE_URL", "export NATS_URL"], "nothing else: it is handed to eval");
    for address in addresses(&exports) {
        TcpStream::connect(address).unwrap();
    }
    assert_eq!(out(&run(cache, &["up", "--local"])), exports, "what runs is left alone");

    out(&run(cache, &["down"]));
    for address in addresses(&exports) {
        assert!(TcpStream::connect(&address).is_err(), "{address} still answers");
    }
    let password = |exports: &str| exports.split('@').next().unwrap().to_owned();
    let again = out(&run(cache, &["up", "--local"]));
    assert_eq!(password(&again), password(&exports), "it is the same cluster");
}

#[test]
fn doctor_names_what_it_found_and_fails_when_something_is_missing() {
    let cache = tempfile::tempdir().unwrap();
    let said = out(&run(cache.path(), &["doctor"]));
    for wanted in ["found PostgreSQL", "found nats-server", &cache.path().display().to_string()] {
        assert!(said.contains(wanted), "{wanted} is missing: {said}");
    }
    let old = cache.path().join("nats-server");
    fs::write(&old, "#!/bin/sh\necho nats-server: v2.9.10\n").unwrap();
    fs::set_permissions(&old, Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("doctor")
        .env("UNDERPIN_NATS_SERVER", &old)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("2.9.10 is too old") && said.contains("key-value stores"), "{said}");
}
