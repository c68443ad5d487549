//! A test that runs itself again in a child process: for variables, and for what is global to a process.

use std::{env, process::Command};

const ROLE: &str = "UNDERPIN_TELEMETRY_TEST_CHILD";

/// Whether this process is the child.
pub(crate) fn is_child() -> bool {
    env::var_os(ROLE).is_some()
}

/// Runs the test of this name again with these variables; it must pass.
pub(crate) fn again(test: &str, variables: &[(&str, &str)]) {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]).env(ROLE, "child").envs(variables.iter().copied());
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {text}{errors}", output.status);
    assert!(text.contains("1 passed"), "{test} is no test");
}
