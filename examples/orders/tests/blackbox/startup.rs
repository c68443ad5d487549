//! A failed start says why and ends with an exit code, without a panic or a secret.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use super::BINARY;
use super::support::{command, wait};

/// What was written by a start that ends with this exit code.
fn fails(folder: &Path, variables: &[(&str, &str)], code: i32) -> String {
    let mut command = command(BINARY, folder, variables);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = wait(&mut child);
    let text = std::io::read_to_string(child.stdout.take().unwrap()).unwrap()
        + &std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!(status.code(), Some(code), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    assert!(!text.contains("hunter2"), "a secret: {text}");
    text
}

#[test]
fn a_wrong_setting_names_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let text = fails(folder.path(), &[("ORDERS_HTTP__PORT", "eighty"), ("ORDERS_HTTP__PROT", "80")], 2);
    assert!(text.contains("ORDERS_HTTP__PORT") && text.contains("ORDERS_HTTP__PROT"), "{text}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let text = fails(folder.path(), &[("ORDERS_HTTP__PORT", &port)], 1);
    assert!(text.contains(&port) && text.contains("http.port"), "{text}");
}

#[test]
fn a_database_or_a_bus_that_cannot_be_reached_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let database = format!("postgres://app:hunter2@{closed}/orders");
    let text = fails(
        folder.path(),
        &[("DATABASE_URL", &database), ("ORDERS_DATABASE__CONNECT_RETRY__MAX_RETRIES", "1")],
        1,
    );
    assert!(text.contains("DATABASE_URL"), "{text}");
    let bus = format!("nats://app:hunter2@{closed}");
    let text = fails(folder.path(), &[("NATS_URL", &bus), ("ORDERS_EVENTS__CONNECT_TIMEOUT", "1s")], 1);
    assert!(text.contains("NATS_URL"), "{text}");
}

#[test]
fn a_database_file_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "a file where a folder should be").unwrap();
    let text = fails(folder.path(), &[], 1);
    assert!(text.contains("data"), "{text}");
}
