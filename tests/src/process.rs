//! Worker processes of the chaos runs.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use underpin_errors::BoxError;

/// What a worker process is to do. It is handed over as JSON in an environment variable.
pub trait WorkerTask: Serialize {
    /// The environment variable.
    const VARIABLE: &'static str;

    /// The name of the worker in messages.
    fn name(&self) -> &str;

    /// Where its standard error goes; nowhere when there is none.
    fn stderr(&self) -> Option<PathBuf> {
        None
    }
}

/// A worker process, which the driver starts, kills, freezes and starts again. Dropped, it is killed.
#[derive(Debug)]
pub struct WorkerProcess<T> {
    program: PathBuf,
    task: T,
    child: Option<Child>,
}

impl<T: WorkerTask> WorkerProcess<T> {
    /// Starts one: the program called with `work`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &Path, task: T) -> Result<Self, BoxError> {
        let mut process = Self { program: program.to_owned(), task, child: None };
        process.start_again()?;
        Ok(process)
    }

    /// Starts it when it does not run.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_again(&mut self) -> Result<(), BoxError> {
        // One that has ended does not run.
        self.ended();
        if self.child.is_none() {
            let mut command = Command::new(&self.program);
            command.arg("work").env(T::VARIABLE, serde_json::to_string(&self.task)?);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            match self.task.stderr() {
                Some(file) => command.stderr(File::options().append(true).create(true).open(file)?),
                None => command.stderr(Stdio::null()),
            };
            self.child = Some(spawn(command)?);
        }
        Ok(())
    }

    /// The task, for the next start.
    pub fn task_mut(&mut self) -> &mut T {
        &mut self.task
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
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// How it ended, if it has ended without our doing.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten();
        if status.is_some() {
            self.child = None;
        }
        status
    }

    /// Waits for its own end.
    pub async fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
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
    ///
    /// # Errors
    /// When it does not.
    pub async fn stop(&mut self, within: Duration) -> Result<(), BoxError> {
        let name = self.task.name().to_owned();
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

impl<T> Drop for WorkerProcess<T> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Nothing can be done about a failure, and the kernel ends it with us.
            let _gone = child.kill().and_then(|()| child.wait());
        }
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

/// Makes the kernel end this process with the driver, also when it is stopped (SIGSTOP) at that moment.
///
/// # Errors
/// When the driver has gone already.
pub fn live_no_longer_than_the_driver(parent: i32) -> Result<(), BoxError> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The driver may have gone before the line above.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) == Some(parent) {
        Ok(())
    } else {
        Err("the driver is gone".into())
    }
}

/// A token that SIGTERM cancels.
///
/// # Errors
/// When the signal cannot be listened for.
pub fn stop_on_sigterm() -> Result<CancellationToken, BoxError> {
    let (stop, mut terminated) = (CancellationToken::new(), signal(SignalKind::terminate())?);
    let token = stop.clone();
    // Lives as long as the process does.
    tokio::spawn(async move {
        terminated.recv().await;
        token.cancel();
    });
    Ok(stop)
}
