//! The real binary, driven over HTTP: SQLite file, memory bus and memory bucket in most tests; Valkey, NATS and PostgreSQL in those of their names.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod clicks;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod links;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod valkey;
#[cfg(test)]
mod windows;

#[cfg(test)]
use std::path::Path;

#[cfg(test)]
use serde_json::json;
#[cfg(test)]
use underpin_testkit::{HttpReply, ServiceProcess};

#[cfg(test)]
const BINARY: &str = env!("CARGO_BIN_EXE_shortener");

/// Tests read until something is as it should be: more often than the default limit allows.
#[cfg(test)]
fn start(folder: &Path, variables: &[(&str, &str)]) -> ServiceProcess {
    let mut all = vec![("SHORTENER_LIMITS__READ__LIMIT", "1000000")];
    all.extend(variables);
    ServiceProcess::start(BINARY, folder, &all)
}

/// Asks for a link with this code.
#[cfg(test)]
fn shorten(service: &ServiceProcess, code: &str) -> HttpReply {
    let body = json!({"url": "https://example.org/page", "short_code": code});
    service.post("/api/v1/shorten", &[], &body)
}
