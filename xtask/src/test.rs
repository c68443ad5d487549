//! `cargo xtask test`: the one command that passes the tests on a fresh machine.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;

use underpin_testkit::Server;

use crate::examples::{self, With};
use crate::shell::{Done, cargo, run};
use crate::{fetch, local, outside};

pub(crate) fn test(fetch_only: bool, nats: Option<&str>, with: &[With], arguments: &[String]) -> Done {
    let pinned = nats.map(fetch::pinned_nats).transpose()?;
    for (server, variable) in [(Server::Postgres, "DATABASE_URL"), (Server::Nats, "NATS_URL")] {
        if let (Server::Nats, Some(program)) = (server, &pinned) {
            println!("{server}: {}", program.display());
            continue;
        }
        let given = env::var_os(variable).is_some_and(|value| !value.is_empty());
        match fetch::find_or_fetch(server) {
            Ok(program) => println!("{program}"),
            // The tests that kill a server will say so; all others run.
            Err(reason) if given => println!("{server}: only the one of {variable}\n{reason}"),
            Err(reason) => return Err(reason),
        }
        if given {
            println!("{server}: tests that do not kill it use the one of {variable}");
        }
    }
    for server in [Server::PgBouncer, Server::Valkey, Server::Prometheus] {
        match fetch::find_or_fetch(server) {
            Ok(program) => println!("{program}"),
            // The tests that need it will fail and name the remedies; the others run.
            Err(reason) => println!("{reason}"),
        }
    }
    // The oldest one that is supported: what it lacks is refused.
    match fetch::pinned_nats("2.10") {
        Ok(program) => println!("nats-server 2.10: {}", program.display()),
        Err(reason) => println!("{reason}"),
    }
    // Before anything is built: who lacks Node or Chromium hears it at once.
    let parts = examples::prepare(with, arguments)?;
    if fetch_only {
        return Ok(());
    }
    let record = env::temp_dir().join(format!("underpin-servers-used-{}", std::process::id()));
    let mut command = cargo();
    if let Some(program) = pinned {
        command.env("UNDERPIN_NATS_SERVER", program);
    }
    command.args(["test", "--locked"]).env("UNDERPIN_TESTKIT_RECORD", &record);
    command.env("RUST_TEST_THREADS", test_threads());
    if arguments.is_empty() {
        command.arg("--workspace");
    }
    let tested = run(command.args(arguments));
    tell_what_was_used(&record);
    tested?;
    if arguments.is_empty() {
        containers()?;
        outside::test()?;
    }
    parts.into_iter().try_for_each(|mut part| run(&mut part))
}

/// The fixtures once more, from containers, where an engine answers. The images are those of `docker-compose.yml`.
fn containers() -> Done {
    if !local::has_engine() {
        println!("\nNOT RUN: the fixtures from containers (no container engine answers)");
        return Ok(());
    }
    println!("\nThe fixtures from containers:");
    let mut command = cargo();
    command.env("RUST_TEST_THREADS", test_threads());
    command.env("UNDERPIN_SERVERS", "container").env_remove("DATABASE_URL").env_remove("NATS_URL");
    run(command.args(["test", "--locked", "--package", "underpin-testkit", "--test", "it", "--"]).args([
        "postgres::",
        "nats::",
        "pooler::",
        "isolation::",
    ]))
}

/// `RUST_TEST_THREADS`, else three a core: most tests wait for a server, a lease or a back-off, and not for a core. With
/// six threads instead of two the tests of the test kit take 23 s instead of 55 s on two cores.
fn test_threads() -> String {
    env::var("RUST_TEST_THREADS").unwrap_or_else(|_| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (3 * cores).to_string()
    })
}

/// The harness swallows what tests print, so the test kit writes down which servers they really used.
fn tell_what_was_used(record: &Path) {
    let Ok(text) = fs::read_to_string(record) else {
        println!("\nNo server was used.");
        return;
    };
    let mut times = BTreeMap::<&str, usize>::new();
    for line in text.lines() {
        *times.entry(line).or_default() += 1;
    }
    println!("\nServers that the tests really used:");
    for (server, count) in times {
        println!("  {server}: {count}x");
    }
    if let Err(error) = fs::remove_file(record) {
        eprintln!("xtask: cannot remove {}: {error}", record.display());
    }
}
