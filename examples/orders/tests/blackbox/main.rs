//! The real binary, started as a stranger starts it, and spoken to over HTTP: SQLite file, memory bus, no
//! server, except for the dead letters, which outlive their process in NATS only.

mod correlation;
mod dead_letters;
mod lifecycle;
mod migrate;
mod orders;
mod reference;
mod refusals;
mod startup;
#[path = "../support/mod.rs"]
mod support;
mod terminal;

use support::Service;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_orders");

/// The service in an empty folder with nothing set but a free port.
fn service() -> (TempDir, Service) {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(BINARY, folder.path(), &[]);
    (folder, service)
}
