//! The real binary, driven over HTTP: SQLite file and memory bus in most tests, PostgreSQL and NATS in `replicas`.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod replicas;

#[cfg(test)]
use std::path::Path;

#[cfg(test)]
use underpin_testkit::ServiceProcess;

#[cfg(test)]
const BINARY: &str = env!("CARGO_BIN_EXE_workers");

#[cfg(test)]
fn start(folder: &Path, variables: &[(&str, &str)]) -> ServiceProcess {
    ServiceProcess::start(BINARY, folder, variables)
}
