use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use underpin_errors::BoxError;

use super::worker::JobsTask;

/// Builds the library that sets the clock of a process, with the compiler that links Rust.
///
/// # Errors
/// When there is no C compiler, or it fails.
pub fn clock_library(folder: &Path) -> Result<PathBuf, BoxError> {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    std::fs::write(&source, include_str!("clock.c"))?;
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status()?;
    if built.success() { Ok(library) } else { Err(format!("cc cannot build the clock ({built})").into()) }
}

/// A worker process that can be killed, frozen and started again. Dropped, it is killed.
#[derive(Debug)]
pub struct JobsProcess {
    program: PathBuf,
    task: JobsTask,
    child: Option<Child>,
}

impl JobsProcess {
    /// Starts one: the program called with `work`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &Path, task: JobsTask) -> Result<Self, BoxError> {
        let mut process = Self { program: program.to_owned(), task, child: None };
        process.start_again()?;
        Ok(process)
    }

    /// Starts it when it does not run.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_again(&mut self) -> Result<(), BoxError> {
        if self.child.is_none() || self.ended()?.is_some() {
            let mut command = Command::new(&self.program);
            command.arg("work").env(JobsTask::VARIABLE, serde_json::to_string(&self.task)?);
            if let Some(clock) = &self.task.clock {
                command
                    .env("LD_PRELOAD", &clock.library)
                    .env("UNDERPIN_CLOCK_AHEAD", clock.ahead_s.to_string());
            }
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            self.child = Some(command.spawn()?);
        }
        Ok(())
    }

    /// SIGKILL, frozen or not.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// SIGSTOP.
    ///
    /// # Errors
    /// When it has ended.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.as_mut().map_or(Ok(None), Child::try_wait)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = self.child.as_ref().and_then(|child| Pid::from_raw(i32::try_from(child.id()).ok()?));
        match pid {
            Some(pid) => Ok(kill_process(pid, signal)?),
            None => Err(io::Error::other("there is no process")),
        }
    }
}

impl Drop for JobsProcess {
    fn drop(&mut self) {
        // A process that has ended is no failure.
        self.kill().ok();
    }
}
