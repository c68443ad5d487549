//! `config reference` and `--help`.

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
    for (arguments, expected) in [
        (
            &["config", "reference"][..],
            "| `http.port` | `ORDERS_HTTP__PORT` | integer, 0 to 65535 | `8080` | The port to listen on;",
        ),
        (&["config", "reference", "markdown"], "`ORDERS_DATABASE__URL`, `DATABASE_URL` | text, secret | |"),
        (&["config", "reference", "toml"], "\n#port = 8080\n"),
        (&["config", "reference", "env"], "\n#ORDERS_HTTP__PORT=8080\n"),
        (&["config", "reference", "json-schema"], "\"stop_within\": {"),
        (&["--help"], "dead-letters"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (output, text) = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {text}");
        assert!(output.stderr.is_empty(), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?} made a file");
    }
}

#[test]
fn an_unknown_argument_is_refused_with_exit_code_2_and_the_nearest_one() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, hint) in [
        (&["--frobnicate"][..], "--help"),
        (&["migrat"], "migrate"),
        (&["http.port=0", "config", "referense"], "reference"),
    ] {
        let (output, text) = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty(), "{text}");
        assert!(text.contains(hint), "{text}");
    }
}
