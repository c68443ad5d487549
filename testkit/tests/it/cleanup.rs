//! Whatever ends a test, its servers end too: each test here kills a process that has one of each.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::fake_cargo::Sandbox;

const KEEP_ALIVE: &[&str] = &[env!("CARGO_BIN_EXE_keep-alive")];

#[test]
fn the_test_processes_of_one_cargo_share_one_server() {
    let sandbox = Sandbox::new();
    let mut cargo = sandbox.cargo(&["sh", "-c", r#""$0" & exec "$0""#, KEEP_ALIVE[0]]);
    let said: Vec<_> = (0..2).flat_map(|_| cargo.until_ready()).collect();
    let servers = |kind: &str| -> Vec<_> {
        let urls = said.iter().filter_map(|line| line.strip_prefix(kind));
        let hosts: BTreeSet<_> = urls.map(|url| url.rsplit_once('/').unwrap().0).collect();
        hosts.into_iter().collect()
    };
    assert_eq!((servers("database ").len(), servers("server ").len()), (1, 2), "{said:?}");
    cargo.signal_all(Signal::KILL);
    sandbox.becomes_empty();
}

#[test]
fn a_killed_test_process_takes_its_private_servers_with_it() {
    let sandbox = Sandbox::new();
    let mut cargo = sandbox.cargo(KEEP_ALIVE);
    let test = cargo.ready();
    // Two PostgreSQL with five children each, a NATS, and four supervisors.
    assert!(sandbox.processes().len() > 10, "{:?}", sandbox.processes());
    let private = |folder: &PathBuf| folder.to_string_lossy().contains(&format!("/{test}-"));
    assert_eq!(sandbox.folders().iter().filter(|folder| private(folder)).count(), 2);
    kill_process(test, Signal::KILL).unwrap();
    sandbox.until("the end of the private servers", || !sandbox.folders().iter().any(private));
    // The shared server goes on: the next test process of this run uses it.
    assert!(sandbox.folders().iter().any(|folder| folder.to_string_lossy().contains("/postgres")));
    cargo.signal_all(Signal::KILL);
    sandbox.becomes_empty();
}

#[test]
fn a_killed_cargo_takes_the_shared_server_with_it() {
    let sandbox = Sandbox::new();
    let mut cargo = sandbox.cargo(KEEP_ALIVE);
    let test = cargo.ready();
    kill_process(cargo.id, Signal::KILL).unwrap();
    let shared = |folder: &PathBuf| folder.to_string_lossy().contains(&format!("/{}-", cargo.id));
    sandbox.until("the end of the shared server", || !sandbox.folders().iter().any(shared));
    // The test process lives on as an orphan, with what is its own.
    assert!(!sandbox.folders().is_empty());
    kill_process(test, Signal::KILL).unwrap();
    sandbox.becomes_empty();
}

#[test]
fn ctrl_c_leaves_nothing() {
    let sandbox = Sandbox::new();
    let mut cargo = sandbox.cargo(KEEP_ALIVE);
    cargo.ready();
    // What a terminal does: SIGINT for every process of the foreground group.
    cargo.signal_all(Signal::INT);
    sandbox.becomes_empty();
}

#[test]
fn a_kill_at_any_moment_of_the_start_leaves_nothing_running() {
    let sandbox = Sandbox::new();
    for after in [5, 20, 60, 150, 400, 900] {
        let cargo = sandbox.cargo(KEEP_ALIVE);
        std::thread::park_timeout(Duration::from_millis(after));
        cargo.signal_all(Signal::KILL);
        sandbox.until("the end of the servers", || sandbox.processes().is_empty());
    }
    // A folder may stay when the kill came before its supervisor; the next run takes it away.
    let mut cargo = sandbox.cargo(KEEP_ALIVE);
    cargo.ready();
    cargo.signal_all(Signal::KILL);
    sandbox.becomes_empty();
}

#[test]
fn what_a_killed_supervisor_leaves_is_swept_by_the_next_run() {
    let sandbox = Sandbox::new();
    let mut cargo = sandbox.cargo(KEEP_ALIVE);
    cargo.ready();
    for supervisor in sandbox.processes() {
        let cmdline = fs::read(format!("/proc/{supervisor}/cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&cmdline).contains("/supervisor.sh\0") {
            kill_process(Pid::from_raw(supervisor.cast_signed()).unwrap(), Signal::KILL).unwrap();
        }
    }
    cargo.signal_all(Signal::KILL);
    assert!(sandbox.processes().len() > 10, "the servers should still run without their supervisors");
    let mut next = sandbox.cargo(KEEP_ALIVE);
    next.ready();
    next.signal_all(Signal::KILL);
    sandbox.becomes_empty();
}

#[test]
fn a_test_that_dies_leaves_no_fake_cargo() {
    let sandbox = Sandbox::new();
    let mut cargo = sandbox.cargo(KEEP_ALIVE);
    cargo.ready();
    // What the death of this process does: the kernel closes its end of the pipe.
    cargo.close_pipe();
    sandbox.becomes_empty();
}

#[test]
fn a_strict_umask_changes_nothing() {
    let sandbox = Sandbox::new();
    let mut cargo = sandbox.cargo(&["sh", "-c", r#"umask 077; exec "$0""#, KEEP_ALIVE[0]]);
    cargo.ready();
    cargo.signal_all(Signal::KILL);
    sandbox.becomes_empty();
}

#[test]
fn a_plain_user_gets_the_same() {
    // Run as a plain user, every other test shows it; run as root, this one does.
    let sandbox = Sandbox::new();
    let program = sandbox.path().join("keep-alive");
    // By another process: one of ours that is being started could inherit the file while it is open for writing.
    assert!(
        Command::new("cp").arg(env!("CARGO_BIN_EXE_keep-alive")).arg(&program).status().unwrap().success()
    );
    let program = program.to_str().unwrap();
    let mut cargo = if geteuid().is_root() {
        fs::set_permissions(sandbox.path(), Permissions::from_mode(0o1777)).unwrap();
        let home = format!("HOME={}", sandbox.path().display());
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        sandbox.cargo(&["setpriv", user[0], user[1], user[2], "env", &home, program])
    } else {
        sandbox.cargo(&[program])
    };
    let test = cargo.ready();
    let uid = fs::metadata(format!("/proc/{test}")).unwrap().uid();
    assert_ne!(uid, 0);
    assert!(sandbox.processes().len() > 10, "{:?}", sandbox.processes());
    cargo.signal_all(Signal::KILL);
    sandbox.becomes_empty();
}
