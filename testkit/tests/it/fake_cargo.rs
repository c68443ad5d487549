//! A process named cargo in a sandbox, whose child the tests kill.

use std::fmt;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use underpin_testkit::eventually_blocking;

/// A new folder for the servers: every process that runs in it or names it belongs to this test.
pub(crate) struct Sandbox(TempDir);

impl Sandbox {
    pub(crate) fn new() -> Self {
        // Not in TMPDIR, which the user of PostgreSQL may not reach. In memory if there is room: the tests start a
        // dozen servers.
        let roomy =
            rustix::fs::statvfs("/dev/shm").is_ok_and(|found| found.f_bavail * found.f_frsize > 2 << 30);
        let parent = if roomy { "/dev/shm" } else { "/tmp" };
        let folder = tempfile::Builder::new().prefix("leaves-nothing-").tempdir_in(parent).unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The processes that stand in this place or name it: servers, their children, supervisors.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let folder = self.path().to_str().unwrap();
        let ours = |pid: &u32| {
            let stands = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
            let names = fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(folder));
            stands || names
        };
        let all =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        all.filter(ours).collect()
    }

    /// The folders of servers: `<base>/<kind>/<owner>.<n>`.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let below =
            |parent: PathBuf| fs::read_dir(parent).into_iter().flatten().map(|entry| entry.unwrap().path());
        below(self.path().to_owned()).flat_map(below).flat_map(below).collect()
    }

    pub(crate) fn becomes_empty(&self) {
        self.until("the end of all servers", || self.processes().is_empty() && self.folders().is_empty());
    }

    /// Waits until it holds; lists the processes that are left when it does not.
    pub(crate) fn until(&self, what: &str, holds: impl FnMut() -> bool) {
        eventually_blocking(Duration::from_secs(30), fmt::from_fn(|f| self.describe(what, f)), holds);
    }

    fn describe(&self, what: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut command = Command::new("ps");
        command.args(["-ww", "-o", "pid,ppid,sid,stat,etime,args", "-p"]);
        let pids: Vec<_> = self.processes().iter().map(ToString::to_string).collect();
        let listed = command.arg(pids.join(",")).output().unwrap().stdout;
        let listed = String::from_utf8_lossy(&listed);
        write!(f, "{what}; folders: {:?}; processes:\n{listed}", self.folders())
    }

    /// Starts `program` with these servers in this folder, as the child of a process named cargo.
    pub(crate) fn cargo(&self, program: &[&str]) -> FakeCargo {
        // The outermost cargo counts, so this one must not descend from the real one: `setsid --fork` sees to that, but not
        // before it has ended. Until then the script waits for a line.
        let cargo = self.path().join("cargo");
        if !cargo.exists() {
            std::os::unix::fs::symlink("/bin/sh", &cargo).unwrap();
        }
        let mut starter = Command::new("setsid")
            .arg("--fork")
            .arg("env")
            .arg("--default-signal=INT")
            .arg(cargo)
            .args(["-c", SCRIPT, "cargo"])
            .args(program)
            .env("TMPDIR", self.path())
            // It would keep the test kit from starting a server.
            .env_remove("DATABASE_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(starter.stdout.take().unwrap()).lines();
        let mut pipe = starter.stdin.take().unwrap();
        starter.wait().unwrap();
        pipe.write_all(b"go\n").unwrap();
        let id = output.next().unwrap().unwrap().parse().unwrap();
        FakeCargo { id: Pid::from_raw(id).unwrap(), output, pipe: Some(pipe) }
    }
}

/// Runs the program and ends with it when standard input is closed, which is when the test process has ended.
///
/// A shell starts what runs in the background with SIGINT ignored; a cargo does not.
const SCRIPT: &str = r#"read go || exit; echo $$
{ env --default-signal=INT "$@" || echo ready; } </dev/null &
read end; kill -KILL 0"#;

impl Drop for Sandbox {
    /// A test that fails leaves nothing either: its servers have lost their owner and end in a moment.
    fn drop(&mut self) {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.processes().is_empty() && Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        for pid in self.processes().into_iter().filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
            let _already_gone = kill_process(pid, Signal::KILL);
        }
    }
}

/// A process named cargo, with its own session and process group, whose child is a test process.
pub(crate) struct FakeCargo {
    pub(crate) id: Pid,
    output: Lines<BufReader<ChildStdout>>,
    pipe: Option<ChildStdin>,
}

impl FakeCargo {
    /// What its child says before it holds its servers.
    pub(crate) fn until_ready(&mut self) -> Vec<String> {
        self.output.by_ref().map(Result::unwrap).take_while(|line| line != "ready").collect()
    }

    /// Waits until its child holds its servers; the pid of the child.
    pub(crate) fn ready(&mut self) -> Pid {
        let said = self.until_ready();
        let pid = said.iter().find_map(|line| line.strip_prefix("pid ")?.parse().ok());
        pid.and_then(Pid::from_raw).unwrap_or_else(|| panic!("it did not come up: {said:?}"))
    }

    /// Closes the pipe that keeps it alive.
    pub(crate) fn close_pipe(&mut self) {
        self.pipe = None;
    }

    pub(crate) fn signal_all(&self, signal: Signal) {
        kill_process_group(self.id, signal).unwrap();
    }
}

impl Drop for FakeCargo {
    fn drop(&mut self) {
        let _already_gone = kill_process_group(self.id, Signal::KILL);
    }
}
