//! A test that runs itself again in a child process: for what ends a process, or is global to one.

use std::{
    env,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

const ROLE: &str = "UNDERPIN_LOGGER_TEST_CHILD";
const LIMIT: Duration = Duration::from_secs(30);

/// Plays the child if this process is one, otherwise starts it and plays the parent. `test` is the test's name with its module.
/// Both are given the same path for a file.
pub(crate) fn play(
    test: &str,
    variables: &[(&str, &str)],
    child: impl FnOnce(&Path),
    parent: impl FnOnce(Child, &Path),
) {
    if let Some(file) = env::var_os(ROLE) {
        return child(Path::new(&file));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("child.log");
    let started = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(ROLE, &file)
        .env("RUST_BACKTRACE", "0")
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    parent(started.unwrap(), &file);
}

/// Runs a test in a child process that must succeed.
pub(crate) fn alone(test: &str, child: impl FnOnce()) {
    play(
        test,
        &[],
        |_| child(),
        |child, _| {
            let output = child.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}: {}",
                output.status,
                String::from_utf8_lossy(&output.stdout)
            );
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{test} is no test");
        },
    );
}

/// Waits for the end of a child, which is killed if it hangs.
pub(crate) fn ended(mut child: Child) -> ExitStatus {
    let pid = Pid::from_child(&child);
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait()));
    ended.recv_timeout(LIMIT).map_or_else(
        |_| {
            kill_process(pid, Signal::KILL).unwrap();
            panic!("the child hangs")
        },
        Result::unwrap,
    )
}
