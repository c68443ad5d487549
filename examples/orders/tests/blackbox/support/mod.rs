//! Drives the real binary from outside: starts it, speaks HTTP to it over a plain socket, reads its log, stops it.

mod client;
mod log;

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

pub(crate) use client::{Exchange, Reply};
pub(crate) use log::Log;

/// Nothing that these tests wait for takes this long on a healthy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// A running service. Killed when dropped, if it has not been stopped.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) child: Child,
    /// Where it listens, `127.0.0.1:port`.
    pub(crate) address: String,
    /// Where its admin listener is.
    pub(crate) admin: String,
    /// Everything it has written to stdout so far.
    pub(crate) log: Log,
}

impl Service {
    /// Starts the binary in a folder of its own, with these variables and no others, on a free port.
    pub(crate) fn start(binary: &str, folder: &Path, variables: &[(&str, &str)]) -> Self {
        let (child, log) = Self::spawn(binary, folder, variables);
        let mut service = Self { child, address: String::new(), admin: String::new(), log };
        service.admin = service.listening("admin listening");
        service.address = service.listening("listening");
        service
    }

    fn listening(&self, msg: &str) -> String {
        let line = self.log.wait_for(msg, |line| line["msg"] == msg);
        line["address"].as_str().expect("the line names the address").to_owned()
    }

    /// Starts the binary without waiting for it to listen.
    pub(crate) fn spawn(binary: &str, folder: &Path, variables: &[(&str, &str)]) -> (Child, Log) {
        let mut child = command(binary, folder, variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("start {binary}: {error}"));
        let log = Log::of(child.stdout.take().expect("stdout is piped"));
        (child, log)
    }

    /// Sends a request and reads the whole reply.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        Exchange::begin(&self.address, method, path, headers, body.len()).finish(body)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let headers: Vec<_> = [("content-type", "application/json")].iter().chain(headers).copied().collect();
        self.send("POST", path, &headers, &body.to_string())
    }

    /// Asks the admin listener.
    pub(crate) fn probe(&self, path: &str) -> Reply {
        Exchange::begin(&self.admin, "GET", path, &[], 0).finish("")
    }

    /// Asks until the answer is the wanted one, and returns it; the last answer is printed when it never is.
    pub(crate) fn get_until(&self, path: &str, wanted: impl Fn(&Reply) -> bool) -> Reply {
        self.until(path, || self.get(path), wanted)
    }

    /// Asks the admin listener whether the service is ready, until the answer is the wanted one.
    pub(crate) fn ready_until(&self, wanted: impl Fn(&Reply) -> bool) -> Reply {
        self.until("/health/ready", || self.probe("/health/ready"), wanted)
    }

    fn until(&self, path: &str, ask: impl Fn() -> Reply, wanted: impl Fn(&Reply) -> bool) -> Reply {
        let start = Instant::now();
        loop {
            let reply = ask();
            if wanted(&reply) {
                return reply;
            }
            assert!(
                start.elapsed() < LIMIT,
                "GET {path} never answered as wanted, but: {reply:?}\n{}",
                self.log
            );
            pause();
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids are positive");
        kill_process(Pid::from_raw(id).expect("process ids are positive"), signal)
            .expect("the process is there");
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// SIGTERM, and everything the service logged.
    pub(crate) fn stop(mut self) -> Vec<Value> {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "the service did not end well: {status}\n{}", self.log);
        self.log.lines()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail when the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The binary with a clean environment, on free ports of the loopback interface.
pub(crate) fn command(binary: &str, folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary);
    let ports = [("ORDERS_HTTP__PORT", "0"), ("ORDERS_SERVICE__ADMIN__ADDRESS", "127.0.0.1:0")];
    command.current_dir(folder).env_clear().envs(ports).envs(variables.iter().copied());
    command
}

/// Waits for a child within [`LIMIT`].
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("wait for the service") {
            return status;
        }
        assert!(start.elapsed() < LIMIT, "the service did not end within {LIMIT:?}");
        pause();
    }
}

/// Between two looks at something that has no way to tell.
pub(crate) fn pause() {
    std::thread::park_timeout(Duration::from_millis(20));
}

/// An order of two cups of tea.
pub(crate) fn tea(customer: &str) -> Value {
    serde_json::json!({"customer": customer, "items": [{"sku": "tea", "quantity": 2, "unit_price_cents": 350}]})
}
