//! `--config-reference` and `--help`.

use std::path::Path;
use std::process::{Output, Stdio};

use super::BINARY;
use super::support::command;

/// Runs the binary with these arguments where a secret and a wrong setting are in the environment: neither may matter.
fn run(folder: &Path, arguments: &[&str]) -> (Output, String) {
    let variables = [("DATABASE_URL", "postgres://app:hunter2@db/orders"), ("ORDERS_HTTP__PORT", "eighty")];
    let output = command(BINARY, folder, &variables).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8([output.stdout.as_slice(), output.stderr.as_slice()].concat()).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("panicked"), "{text}");
    (output, text)
}

#[test]
fn the_reference_is_printed_on_stdout_and_nothing_is_started() {
    for (argument, expected) in [
        (
            "--config-reference",
            "| `http.port` | `ORDERS_HTTP__PORT` | integer, 0 to 65535 | `8080` | The port to listen at;",
        ),
        ("--config-reference=markdown", "`ORDERS_DATABASE__URL`, `DATABASE_URL` | text, secret | |"),
        ("--config-reference=toml", "\n#port = 8080\n"),
        ("--config-reference=env", "\n#ORDERS_HTTP__PORT=8080\n"),
        ("--config-reference=json-schema", "\"shutdown_within\": {"),
        ("--help", "--config-reference[=FORM]"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (output, text) = run(folder.path(), &[argument]);
        assert_eq!(output.status.code(), Some(0), "{argument}: {text}");
        assert!(output.stderr.is_empty(), "{argument}: {text}");
        assert!(text.contains(expected), "{argument}: {text}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{argument} made a file");
    }
}

#[test]
fn an_unknown_argument_is_refused_with_the_usage_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["--frobnicate"][..], &["serve"], &["http.port=0", "--config-reference"]] {
        let (output, text) = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty(), "{text}");
        let place = format!("orders: argument {} is not known", arguments.len());
        assert!(text.starts_with(&place) && text.contains("usage: orders"), "{text}");
    }
}
