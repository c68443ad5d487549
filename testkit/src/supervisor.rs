use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::data_dir;
use crate::error::{Context, TestkitError};
use crate::process::ProcessId;
use crate::user::ServerUser;

const SCRIPT: &str = include_str!("supervisor.sh");

/// The shell process that is the parent of one server and outlives the test: see `supervisor.sh`.
///
/// A supervisor rather than `PR_SET_PDEATHSIG`: that fires when the thread that spawned the server ends, which in a test is
/// at the end of that test at the latest, and it cannot remove a folder.
#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Child,
    owner_lives: Option<ChildStdin>,
    pids: BufReader<ChildStdout>,
}

/// How long the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// As long as this process, or until the value that owns the server is dropped.
    ThisProcess,
    /// As long as another process.
    Of(ProcessId),
    /// Until the server is stopped. The folder stays.
    UntilStopped,
}

/// What a supervisor starts.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    pub(crate) lifetime: Lifetime,
    pub(crate) folder: &'a Path,
    pub(crate) command: &'a [OsString],
    /// The signal for an immediate and tidy end: `QUIT` for PostgreSQL, `KILL` for NATS.
    pub(crate) stop: &'static str,
    pub(crate) user: Option<&'a ServerUser>,
}

impl Supervisor {
    /// Starts the supervisor, and through it the server; returns the pid of the server.
    pub(crate) fn start(task: &Task<'_>) -> Result<(Self, u32), TestkitError> {
        let (mode, owner) = match task.lifetime {
            Lifetime::ThisProcess => ("pipe", ProcessId::current()),
            Lifetime::Of(owner) => ("watch", owner),
            Lifetime::UntilStopped => ("stay", ProcessId::current()),
        };
        let mut command = in_own_session("sh");
        // As a file and not as an argument, so that `ps` stays readable.
        let script = task.folder.join("supervisor.sh");
        data_dir::write(&script, SCRIPT)?;
        if let Some(user) = task.user {
            user.own(&script).context(|| format!("cannot give {} away", script.display()))?;
        }
        command
            .arg(script)
            .arg(mode)
            .args([owner.pid().to_string(), owner.started().to_string(), task.stop.to_owned()])
            .arg(task.folder)
            .args(task.command)
            .current_dir("/")
            .stdin(if mode == "pipe" { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(user) = task.user {
            user.run(&mut command);
        }
        let mut child = command.spawn().context(|| "cannot start a shell".to_owned())?;
        let owner_lives = child.stdin.take();
        let Some(pids) = child.stdout.take().map(BufReader::new) else {
            return Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe))
                .context(|| "the supervisor is mute".into());
        };
        let mut supervisor = Self { child, owner_lives, pids };
        let pid = supervisor.next_pid()?;
        Ok((supervisor, pid))
    }

    /// Starts the server again; it must have ended.
    pub(crate) fn start_again(&mut self) -> Result<u32, TestkitError> {
        let line = match &mut self.owner_lives {
            Some(stdin) => stdin.write_all(b"start\n"),
            None => Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe)),
        };
        line.context(|| "cannot speak to the supervisor of the server".to_owned())?;
        self.next_pid()
    }

    fn next_pid(&mut self) -> Result<u32, TestkitError> {
        let mut line = String::new();
        self.pids
            .read_line(&mut line)
            .and_then(|_| line.trim().parse().map_err(std::io::Error::other))
            .context(|| "the supervisor of the server did not say its pid".to_owned())
    }

    /// Lets the supervisor stop the server and remove the folder, and waits for it.
    pub(crate) fn finish(&mut self) {
        drop(self.owner_lives.take());
        // It stops trying after three seconds and kills, so this ends.
        let _status = self.child.wait();
    }
}

/// A command in a new session, out of the reach of Ctrl-C and of a runner that kills its process group.
///
/// `setsid` forks only when it leads a process group, which a fresh child does not, so it becomes the program. Where
/// util-linux is missing, a new process group does nearly as well.
pub(crate) fn in_own_session(program: impl AsRef<OsStr>) -> Command {
    if on_path("setsid") {
        let mut command = Command::new("setsid");
        command.arg(program);
        command
    } else {
        let mut command = Command::new(program);
        command.process_group(0);
        command
    }
}

fn on_path(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::wait_until;
    use std::time::Duration;

    #[test]
    fn an_owner_that_dies_before_it_hears_the_pid_leaves_no_server() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("server");
        std::fs::create_dir(&folder).unwrap();
        let script = folder.join("supervisor.sh");
        std::fs::write(&script, SCRIPT).unwrap();
        let told = place.path().join("told");
        let server = format!("echo $$ >{0}.draft; mv {0}.draft {0}; exec sleep 600", told.display());
        let mut supervisor = Command::new("sh")
            .args([script.as_os_str(), "pipe".as_ref(), "0".as_ref(), "0".as_ref(), "KILL".as_ref()])
            .arg(&folder)
            .args(["sh", "-c", &server])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // What a kill does: the ends of the owner are closed, whatever the supervisor is about to say.
        drop((supervisor.stdin.take(), supervisor.stdout.take()));
        assert!(supervisor.wait().unwrap().success());
        assert!(!folder.exists());
        // It may have been killed before it said its pid; then there is nothing to look for.
        if let Ok(pid) = std::fs::read_to_string(&told) {
            let server = ProcessId::of(pid.trim().parse().unwrap());
            let gone = || server.is_none_or(|server| !server.is_alive()).then_some(());
            assert!(wait_until(Duration::from_secs(10), gone).is_some(), "{server:?} still runs");
        }
    }
}
