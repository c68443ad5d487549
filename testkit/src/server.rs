use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::error::{Server, TestkitError};
use crate::process::ProcessId;
use crate::supervisor::{Lifetime, Supervisor, Task};
use crate::user::ServerUser;
use crate::wait::wait_until;

/// How long a server may take to come up or to go down. Generous, because two cores may be shared by a whole build.
const LIMIT: Duration = Duration::from_secs(60);

/// A server that was started from a local binary: its process, its folder and its supervisor.
#[derive(Debug)]
pub(crate) struct LocalServer {
    server: Server,
    folder: PathBuf,
    supervisor: Supervisor,
    process: Option<ProcessId>,
    port: u16,
    ready: fn(&Path, u16, u32) -> bool,
}

/// What is needed to start one.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) server: Server,
    pub(crate) lifetime: Lifetime,
    pub(crate) folder: PathBuf,
    pub(crate) command: Vec<OsString>,
    pub(crate) stop: &'static str,
    pub(crate) user: Option<ServerUser>,
    pub(crate) port: u16,
    /// Whether the server with this folder, port and pid accepts work.
    pub(crate) ready: fn(&Path, u16, u32) -> bool,
}

impl LocalServer {
    pub(crate) fn launch(launch: Launch) -> Result<Self, TestkitError> {
        let Launch { server, lifetime, folder, command, stop, user, port, ready } = launch;
        let task = Task { lifetime, folder: &folder, command: &command, stop, user: user.as_ref() };
        let (supervisor, pid) = Supervisor::start(&task)?;
        let mut this = Self { server, folder, supervisor, process: None, port, ready };
        match this.await_ready(pid) {
            Ok(()) => Ok(this),
            Err(error) => {
                this.kill();
                // The supervisor of a shared server goes with its owner and takes the folder with it.
                if lifetime == Lifetime::ThisProcess {
                    this.close();
                }
                Err(error)
            }
        }
    }

    fn await_ready(&mut self, pid: u32) -> Result<(), TestkitError> {
        self.process = ProcessId::of(pid);
        let came_up = wait_until(LIMIT, || match self.process {
            Some(process) if process.is_alive() => {
                (self.ready)(&self.folder, self.port, pid).then_some(Ok(()))
            }
            _ => Some(Err("it ended at once")),
        });
        let reason = match came_up {
            Some(Ok(())) => return Ok(()),
            Some(Err(reason)) => reason.to_owned(),
            None => format!("it was not ready within {LIMIT:?}"),
        };
        Err(TestkitError::Start { server: self.server, reason, log: tail(&self.log()) })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn process(&self) -> Option<ProcessId> {
        self.process
    }

    pub(crate) fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some_and(ProcessId::is_alive)
    }

    /// SIGKILL for the server and all its children at once, as when the machine loses its power.
    pub(crate) fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            // Stopped first, so that it has no new child while its children are counted.
            process.signal(Signal::STOP);
            let family = process.family();
            for member in &family {
                member.signal(Signal::KILL);
            }
            for member in family {
                member.wait_gone(LIMIT);
            }
        }
    }

    /// An orderly end through `signal`; kills when that takes too long.
    pub(crate) fn stop(&mut self, signal: Signal) {
        if let Some(process) = self.process {
            self.resume();
            process.signal(signal);
            if process.wait_gone(LIMIT) {
                self.process = None;
            } else {
                self.kill();
            }
        }
    }

    /// Starts the server again on the same port and data; nothing happens when it runs.
    pub(crate) fn start(&mut self) -> Result<(), TestkitError> {
        if self.is_running() {
            return Ok(());
        }
        let pid = self.supervisor.start_again()?;
        self.await_ready(pid)
    }

    /// SIGSTOP: connections stay open and get no answer. Returns when every process is stopped.
    pub(crate) fn pause(&self) {
        if let Some(process) = self.process {
            process.signal(Signal::STOP);
            wait_until(LIMIT, || (process.is_stopped() || !process.is_alive()).then_some(()));
            for member in process.family() {
                member.signal(Signal::STOP);
                wait_until(LIMIT, || (member.is_stopped() || !member.is_alive()).then_some(()));
            }
        }
    }

    /// Sends a signal and does not wait for what it does.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(process) = self.process {
            process.signal(signal);
        }
    }

    /// SIGCONT after [`pause`](Self::pause).
    pub(crate) fn resume(&self) {
        for member in self.process.iter().flat_map(|process| process.family()) {
            member.signal(Signal::CONT);
        }
    }

    /// Stops the server and removes its folder.
    pub(crate) fn close(&mut self) {
        self.supervisor.finish();
    }
}

/// The last lines of a log: enough to see why a server ended.
fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(20)).map(|line| format!("  {line}\n")).collect()
}
