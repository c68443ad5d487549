//! The feature `backtrace`: captured where the error is built, when the environment asks, and never shown to a caller.

use std::process::Command;

use underpin_errors::Error;

/// Runs the test below with and without the variable: the answer is cached in a process.
#[test]
fn a_backtrace_is_captured_where_the_environment_asks() {
    for (asked, expected) in [("1", "found in debug: true, in answer: false"), ("0", "found in debug: false")]
    {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "print_an_error", "--nocapture"])
            .env("RUST_BACKTRACE", asked)
            .env_remove("RUST_LIB_BACKTRACE")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success() && output.contains(expected), "RUST_BACKTRACE={asked}: {output}");
    }
}

#[test]
fn print_an_error() {
    let error = a_function_with_a_name();
    let place = "a_function_with_a_name";
    let answer = serde_json::to_string(&error.to_problem()).unwrap();
    assert!(!answer.contains(place));
    println!(
        "found in debug: {}, in answer: {}",
        format!("{error:?}").contains(place) && error.backtrace().to_string().contains(place),
        answer.contains(place)
    );
}

#[inline(never)]
fn a_function_with_a_name() -> Error {
    Error::internal("bug")
}
