//! On what was measured: without it a figure is a rumour.

use std::fs;
use std::process::Command;

use underpin_testkit::{Program, Server};

use crate::shell::{output, root};

use super::said;

/// The libraries whose versions matter: what we stand on, and our peers.
const LIBRARIES: [&str; 12] = [
    "async-nats",
    "cloudevents-sdk",
    "config",
    "figment",
    "sea-orm",
    "serde_json",
    "slog",
    "slog-async",
    "slog-json",
    "sqlx",
    "tokio",
    "tracing-subscriber",
];

/// The Go peers, as Debian packages them.
const GO: [&str; 5] = [
    "golang-github-rs-zerolog-dev",
    "golang-go.uber-zap-dev",
    "golang-github-jackc-pgx-v4-dev",
    "golang-github-jinzhu-gorm-dev",
    "golang-github-nats-io-go-nats-dev",
];

/// Name and value, in the order in which they are shown.
pub(super) fn describe() -> Vec<(String, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let server = |server| {
        Program::find(server).map_or_else(|_| "not found".to_owned(), |found| found.version.to_string())
    };
    let mut go = said(Command::new("go").arg("version"));
    if go != "not found" {
        go = std::iter::once(go)
            .chain(GO.iter().filter_map(|name| package(name)))
            .collect::<Vec<_>>()
            .join(", ");
    }
    let facts = [
        ("processor", format!("{}, {cores} cores", value(&read("/proc/cpuinfo"), "model name"))),
        ("memory", value(&read("/proc/meminfo"), "MemTotal")),
        ("kernel", read("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("system", value(&read("/etc/os-release").replace('=', ":"), "PRETTY_NAME").replace('"', "")),
        ("rustc", said(Command::new("rustc").arg("--version").current_dir(root()))),
        ("PostgreSQL", server(Server::Postgres)),
        ("nats-server", server(Server::Nats)),
        ("libraries", libraries(&read(&root().join("Cargo.lock").display().to_string()))),
        ("Go peers", go),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The first `key : value` of a file in /proc.
fn value(text: &str, key: &str) -> String {
    let line = text.lines().find_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == key));
    line.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
}

fn libraries(lock: &str) -> String {
    let lines: Vec<&str> = lock.lines().collect();
    let version = |library: &str| {
        let name = format!("name = \"{library}\"");
        lines.windows(2).find_map(|pair| match pair {
            [first, second] if *first == name => second.split('"').nth(1),
            _ => None,
        })
    };
    let found = LIBRARIES.iter().filter_map(|library| Some(format!("{library} {}", version(library)?)));
    found.collect::<Vec<_>>().join(", ")
}

/// A Debian package and its version without Debian's part; none where it, or Debian, is not.
fn package(name: &str) -> Option<String> {
    let version = output(Command::new("dpkg-query").args(["-W", "-f=${Version}", name])).ok()?;
    let short = name.trim_start_matches("golang-").trim_start_matches("github-").trim_end_matches("-dev");
    Some(format!("{short} {}", version.split('-').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_proc_and_the_lock_file() {
        assert_eq!(value("processor\t: 0\nmodel name\t: A CPU\n", "model name"), "A CPU");
        assert_eq!(value("", "model name"), "unknown");
        let lock = "[[package]]\nname = \"slog\"\nversion = \"2.8.2\"\n\n[[package]]\nname = \"slog-json\"\nversion = \"2.6.1\"\n";
        assert_eq!(libraries(lock), "slog 2.8.2, slog-json 2.6.1");
    }
}
