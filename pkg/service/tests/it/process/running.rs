//! A service in a child process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::child::SCENARIO;

/// How long anything may take that is not measured.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A child process and the records of its log.
pub(crate) struct Running {
    child: Child,
    /// The process that serves, if it is not the child itself.
    pub(crate) served_by: Option<Pid>,
    lines: Receiver<String>,
    /// What was read so far.
    pub(crate) log: Vec<Value>,
    pub(crate) folder: tempfile::TempDir,
}

/// How a child ended.
pub(crate) struct Exit {
    pub(crate) code: Option<i32>,
    /// Every record.
    pub(crate) log: Vec<Value>,
}

impl Running {
    /// Starts a service of this scenario with further lines of its settings file.
    pub(crate) fn start(scenario: &str, settings: &str) -> Self {
        let binary = std::env::current_exe().unwrap();
        Self::start_with(Command::new(binary), scenario, settings)
    }

    /// As [`start`](Self::start), through a command that runs the binary.
    pub(crate) fn start_with(mut command: Command, scenario: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_settings(&settings_file(folder.path()), settings);
        command
            .args(["process::child::service_of_a_child", "--exact", "--nocapture"])
            .env(SCENARIO, scenario)
            .env("SERVICE_FOLDER", folder.path())
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, served_by: None, lines, log: Vec::new(), folder }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.served_by.unwrap_or_else(|| Pid::from_child(&self.child))
    }

    /// Waits for a record with this message and returns it.
    pub(crate) fn wait_for(&mut self, message: &str) -> Value {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no {message:?} in {:#?}", self.log));
            if let Some(record) = record(&line) {
                self.log.push(record.clone());
                if record["msg"] == message {
                    return record;
                }
            }
        }
    }

    /// The address of the admin listener.
    pub(crate) fn admin(&mut self) -> SocketAddr {
        let address = self.wait_for("admin listening")["address"].clone();
        address.as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Exit {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "still running; its log: {:#?}", self.log);
            thread::park_timeout(Duration::from_millis(2));
        };
        assert_eq!(status.signal(), None, "ended by itself");
        while let Ok(line) = self.lines.recv_timeout(LIMIT) {
            self.log.extend(record(&line));
        }
        Exit { code: status.code(), log: std::mem::take(&mut self.log) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed; otherwise it has ended.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub(crate) fn settings_file(folder: &Path) -> PathBuf {
    folder.join("app.toml")
}

/// Replaces the settings file in one step, as an operator's tools do.
pub(crate) fn write_settings(file: &Path, settings: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, format!("{settings}\nservice.admin.address = \"127.0.0.1:0\"\n")).unwrap();
    std::fs::rename(&new, file).unwrap();
}

/// A record of the log. Other lines are those of the test harness.
fn record(line: &str) -> Option<Value> {
    // The harness prints the name of the test without a line end before the first record.
    let json = &line[line.find('{')?..];
    Some(serde_json::from_str(json).unwrap_or_else(|_| panic!("half a record: {line}")))
}
