//! Whatever ends a test, its servers end too: each test here really kills a process that holds one of everything.
#![cfg(feature = "fixtures")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process, kill_process_group};
use tempfile::TempDir;

/// A folder of our own for the servers: whatever runs in it or names it belongs to this test.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        // Not in TMPDIR, which the user of PostgreSQL may not reach. In memory if there is room: the tests start a
        // dozen servers.
        let roomy =
            rustix::fs::statvfs("/dev/shm").is_ok_and(|found| found.f_bavail * found.f_frsize > 2 << 30);
        let parent = if roomy { "/dev/shm" } else { "/tmp" };
        let folder = tempfile::Builder::new().prefix("leaves-nothing-").tempdir_in(parent).unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The processes that stand in this place or name it: servers, their children, guardians.
    fn processes(&self) -> Vec<u32> {
        let place = self.path().to_str().unwrap();
        let ours = |pid: &u32| {
            let stands = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(place));
            let names = fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(place));
            stands || names
        };
        let all =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        all.filter(ours).collect()
    }

    /// The folders of servers: `<base>/<kind>/<owner>.<n>`.
    fn folders(&self) -> Vec<PathBuf> {
        let below =
            |parent: PathBuf| fs::read_dir(parent).into_iter().flatten().map(|entry| entry.unwrap().path());
        below(self.path().to_owned()).flat_map(below).flat_map(below).collect()
    }

    fn becomes_empty(&self) {
        self.until("the end of everything", || self.processes().is_empty() && self.folders().is_empty());
    }

    /// Waits until it holds; names what is still here when it does not come true.
    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        while !holds() {
            if Instant::now() > end {
                let mut command = Command::new("ps");
                command.args(["-ww", "-o", "pid,ppid,sid,stat,etime,args", "-p"]);
                let pids: Vec<_> = self.processes().iter().map(ToString::to_string).collect();
                let listed = command.arg(pids.join(",")).output().unwrap().stdout;
                let listed = String::from_utf8_lossy(&listed);
                panic!(
                    "{what} took more than 30 seconds; folders: {:?}; processes:\n{listed}",
                    self.folders()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts `program` with these servers in this place, as the child of a cargo.
    fn cargo(&self, program: &[&str]) -> FakeCargo {
        // The outermost cargo counts, so this one must not descend from the real one: `setsid --fork` sees to that, but not
        // before it has ended. Until then the script waits for a word.
        let cargo = self.path().join("cargo");
        if !cargo.exists() {
            std::os::unix::fs::symlink("/bin/sh", &cargo).unwrap();
        }
        let mut starter = Command::new("setsid")
            .arg("--fork")
            // A run in the background ignores SIGINT, and its children inherit that; those of a terminal do not.
            .args(["env", "--default-signal=INT"])
            .arg(cargo)
            .args(["-c", r#"read go; exec </dev/null; echo $$; "$@" || echo ready; sleep 600"#, "cargo"])
            .args(program)
            .env("TMPDIR", self.path())
            // It would keep the test kit from starting a server of its own.
            .env_remove("DATABASE_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(starter.stdout.take().unwrap()).lines();
        let mut word = starter.stdin.take().unwrap();
        starter.wait().unwrap();
        word.write_all(b"go\n").unwrap();
        let id = said.next().unwrap().unwrap().parse().unwrap();
        FakeCargo { id: Pid::from_raw(id).unwrap(), said }
    }
}

impl Drop for Place {
    /// A test that fails half-way leaves nothing either.
    fn drop(&mut self) {
        for pid in self.processes().into_iter().filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
            let _already_gone = kill_process(pid, Signal::KILL);
        }
    }
}

/// A process named cargo, with a session and a process group of its own, whose child is a test process.
struct FakeCargo {
    id: Pid,
    said: Lines<BufReader<ChildStdout>>,
}

impl FakeCargo {
    /// What its child says before it holds its servers.
    fn until_ready(&mut self) -> Vec<String> {
        self.said.by_ref().map(Result::unwrap).take_while(|line| line != "ready").collect()
    }

    /// Waits until its child holds its servers; the pid of the child.
    fn ready(&mut self) -> Pid {
        let said = self.until_ready();
        let pid = said.iter().find_map(|line| line.strip_prefix("pid ")?.parse().ok());
        pid.and_then(Pid::from_raw).unwrap_or_else(|| panic!("it did not come up: {said:?}"))
    }

    fn signal_all(&self, signal: Signal) {
        kill_process_group(self.id, signal).unwrap();
    }
}

impl Drop for FakeCargo {
    fn drop(&mut self) {
        let _already_gone = kill_process_group(self.id, Signal::KILL);
    }
}

const HOLD: &[&str] = &[env!("CARGO_BIN_EXE_hold")];

#[test]
fn the_test_processes_of_one_cargo_share_one_server() {
    let place = Place::new();
    let mut cargo = place.cargo(&["sh", "-c", r#""$0" & exec "$0""#, HOLD[0]]);
    let said: Vec<_> = (0..2).flat_map(|_| cargo.until_ready()).collect();
    let servers = |kind: &str| -> Vec<_> {
        let urls = said.iter().filter_map(|line| line.strip_prefix(kind));
        let hosts: BTreeSet<_> = urls.map(|url| url.rsplit_once('/').unwrap().0).collect();
        hosts.into_iter().collect()
    };
    assert_eq!((servers("database ").len(), servers("server ").len()), (1, 2), "{said:?}");
    cargo.signal_all(Signal::KILL);
    place.becomes_empty();
}

#[test]
fn a_killed_test_process_takes_its_private_servers_with_it() {
    let place = Place::new();
    let mut cargo = place.cargo(HOLD);
    let test = cargo.ready();
    // Two PostgreSQL with five children each, a NATS, and four guardians.
    assert!(place.processes().len() > 10, "{:?}", place.processes());
    let private = |folder: &PathBuf| folder.to_string_lossy().contains(&format!("/{test}-"));
    assert_eq!(place.folders().iter().filter(|folder| private(folder)).count(), 2);
    kill_process(test, Signal::KILL).unwrap();
    place.until("the end of the private servers", || !place.folders().iter().any(private));
    // The shared server goes on: the next test process of this run uses it.
    assert!(place.folders().iter().any(|folder| folder.to_string_lossy().contains("/postgres")));
    cargo.signal_all(Signal::KILL);
    place.becomes_empty();
}

#[test]
fn a_killed_cargo_takes_the_shared_server_with_it() {
    let place = Place::new();
    let mut cargo = place.cargo(HOLD);
    let test = cargo.ready();
    kill_process(cargo.id, Signal::KILL).unwrap();
    let shared = |folder: &PathBuf| folder.to_string_lossy().contains(&format!("/{}-", cargo.id));
    place.until("the end of the shared server", || !place.folders().iter().any(shared));
    // The test process lives on as an orphan, with what is its own.
    assert!(!place.folders().is_empty());
    kill_process(test, Signal::KILL).unwrap();
    place.becomes_empty();
}

#[test]
fn ctrl_c_leaves_nothing() {
    let place = Place::new();
    let mut cargo = place.cargo(HOLD);
    cargo.ready();
    // What a terminal does: SIGINT for every process of the foreground group.
    cargo.signal_all(Signal::INT);
    place.becomes_empty();
}

#[test]
fn a_kill_at_any_moment_of_the_start_leaves_nothing_running() {
    let place = Place::new();
    for after in [5, 20, 60, 150, 400, 900] {
        let cargo = place.cargo(HOLD);
        std::thread::sleep(Duration::from_millis(after));
        cargo.signal_all(Signal::KILL);
        place.until("the end of the servers", || place.processes().is_empty());
    }
    // A folder may stay when the kill came before its guardian; the next run takes it away.
    let mut cargo = place.cargo(HOLD);
    cargo.ready();
    cargo.signal_all(Signal::KILL);
    place.becomes_empty();
}

#[test]
fn what_a_killed_guardian_leaves_is_swept_by_the_next_run() {
    let place = Place::new();
    let mut cargo = place.cargo(HOLD);
    cargo.ready();
    for guardian in place.processes() {
        let cmdline = fs::read(format!("/proc/{guardian}/cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&cmdline).contains("/guardian.sh\0") {
            kill_process(Pid::from_raw(guardian.cast_signed()).unwrap(), Signal::KILL).unwrap();
        }
    }
    cargo.signal_all(Signal::KILL);
    assert!(place.processes().len() > 10, "the servers should still run: nobody looks after them");
    let mut next = place.cargo(HOLD);
    next.ready();
    next.signal_all(Signal::KILL);
    place.becomes_empty();
}

#[test]
fn a_strict_umask_changes_nothing() {
    let place = Place::new();
    let mut cargo = place.cargo(&["sh", "-c", r#"umask 077; exec "$0""#, HOLD[0]]);
    cargo.ready();
    cargo.signal_all(Signal::KILL);
    place.becomes_empty();
}

#[test]
fn a_plain_user_gets_the_same() {
    // Whoever runs the tests as a plain user has shown it in every other test; root plays one here.
    let place = Place::new();
    let program = place.path().join("hold");
    // By another process: one of ours that is being started could inherit the file while it is open for writing.
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_hold")).arg(&program).status().unwrap().success());
    let program = program.to_str().unwrap();
    let mut cargo = if geteuid().is_root() {
        fs::set_permissions(place.path(), Permissions::from_mode(0o1777)).unwrap();
        let home = format!("HOME={}", place.path().display());
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        place.cargo(&["setpriv", user[0], user[1], user[2], "env", &home, program])
    } else {
        place.cargo(&[program])
    };
    let test = cargo.ready();
    let uid = fs::metadata(format!("/proc/{test}")).unwrap().uid();
    assert_ne!(uid, 0);
    assert!(place.processes().len() > 10, "{:?}", place.processes());
    cargo.signal_all(Signal::KILL);
    place.becomes_empty();
}
