use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};
use underpin_errors::BoxError;

use super::worker::WorkerSettings;

/// One worker process, which the driver starts, kills, freezes and starts again.
#[derive(Debug)]
pub(crate) struct Process {
    program: PathBuf,
    settings: WorkerSettings,
    child: Option<Child>,
}

impl Process {
    pub(crate) fn start(program: &Path, settings: WorkerSettings) -> Result<Self, BoxError> {
        let mut process = Self { program: program.to_owned(), settings, child: None };
        process.start_again()?;
        Ok(process)
    }

    /// Starts it when it does not run.
    pub(crate) fn start_again(&mut self) -> Result<(), BoxError> {
        if self.child.is_none() {
            let mut command = Command::new(&self.program);
            command
                .arg("work")
                .env(WorkerSettings::VARIABLE, serde_json::to_string(&self.settings)?)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                // What it says before it has a log, or instead.
                .stderr(File::options().append(true).create(true).open(self.settings.folder.join("stderr"))?);
            self.child = Some(spawn(command)?);
        }
        Ok(())
    }

    pub(crate) fn settings_mut(&mut self) -> &mut WorkerSettings {
        &mut self.settings
    }

    /// SIGKILL, frozen or not.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// SIGSTOP.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// How it ended, if it has ended without our doing.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten();
        if status.is_some() {
            self.child = None;
        }
        status
    }

    /// Waits for its own end.
    pub(crate) async fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + within;
        while Instant::now() < until {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// SIGTERM; it has to end well within the limit.
    pub(crate) async fn stop(&mut self, within: Duration) -> Result<(), BoxError> {
        let name = self.settings.name.clone();
        self.signal(Signal::TERM);
        match self.wait(within).await {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("{name} did not end well after SIGTERM: {status}").into()),
            None => {
                self.kill()?;
                Err(format!("{name} was still there {within:?} after SIGTERM").into())
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.as_ref().map(Pid::from_child) {
            // It may have ended in this moment; `ended` tells.
            let _gone = kill_process(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing can be done about a failure, and the kernel ends it with us.
        let _gone = self.kill();
    }
}

type Order = (Command, Sender<io::Result<Child>>);

/// Starts a child from a thread that never ends: the signal that a child gets at the death of its parent is sent when the
/// thread that started it ends.
fn spawn(command: Command) -> Result<Child, BoxError> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                // Who asked waits for the answer.
                let _waits = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, child) = channel();
    spawner.send((command, answer)).map_err(|_| "the thread that starts processes is gone")?;
    Ok(child.recv()??)
}
