//! The real binary, driven over HTTP: SQLite file and memory bus in most tests, PostgreSQL and NATS in `dead_letters`,
//! `faults`, `replicas` and `together`. `in_process` has the service inside the test.

#![allow(clippy::future_not_send, reason = "a test drives its service on its own thread")]

#[cfg(test)]
mod correlation;
#[cfg(test)]
mod dead_letters;
#[cfg(test)]
mod embedded;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod in_process;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod startup;
#[cfg(test)]
mod support;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod together;

#[cfg(test)]
use support::Service;
#[cfg(test)]
use tempfile::TempDir;

#[cfg(test)]
const BINARY: &str = env!("CARGO_BIN_EXE_orders");

/// The service in an empty folder with nothing set but a free port.
#[cfg(test)]
fn service() -> (TempDir, Service) {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(BINARY, folder.path(), &[]);
    (folder, service)
}
