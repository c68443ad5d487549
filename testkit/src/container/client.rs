use std::io;
use std::process::{Command, Stdio};

use crate::error::{Context, TestkitError};

/// Runs the client; what it printed on standard output, and on standard error when it fails.
pub(super) fn docker(arguments: &[&str]) -> Result<Result<String, String>, TestkitError> {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).output();
    let output = output.context(|| "cannot run docker, the client of the container engine".to_owned())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
}

/// Fails when no engine answers.
pub(crate) fn engine() -> Result<(), TestkitError> {
    match docker(&["version", "--format", "{{.Server.Version}}"])? {
        Ok(_) => Ok(()),
        Err(reason) => Err(io::Error::other(reason)).context(|| "no container engine answers".to_owned()),
    }
}

/// The host under which the published ports of the engine are reached.
pub(super) fn host() -> String {
    let engine = std::env::var("DOCKER_HOST").unwrap_or_default();
    let remote = engine.strip_prefix("tcp://").and_then(|rest| rest.split([':', '/']).next());
    remote.unwrap_or("127.0.0.1").to_owned()
}

/// How a container reaches a server that this machine reaches at `host:port`: within the network of the engine if the
/// server is a container too, else through the gateway of the engine.
pub(crate) fn address_within(host: &str, port: u16, inner_port: u16) -> Result<(String, u16), TestkitError> {
    let filter = format!("publish={port}");
    let ids = docker(&["ps", "--no-trunc", "--quiet", "--filter", &filter])?.unwrap_or_default();
    if let Some(id) = ids.lines().next() {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
        let found = docker(&["inspect", "--format", format, id])?.unwrap_or_default();
        if let Some(address) = found.split_whitespace().next() {
            return Ok((address.to_owned(), inner_port));
        }
    }
    let is_local = matches!(host, "localhost" | "127.0.0.1" | "::1");
    Ok((if is_local { GATEWAY.to_owned() } else { host.to_owned() }, port))
}

/// The name that every container of the test kit has for the machine of its engine.
pub(super) const GATEWAY: &str = "host.docker.internal";
