use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::exchange::{HttpExchange, HttpReply};
use super::limit::LIMIT;
use super::log::ServiceLog;

/// A running binary of a service. Killed when dropped, if it has not been stopped.
///
/// It listens on free ports, which it logs in records with the message `listening` and `admin listening`.
///
/// ```no_run
/// use underpin_testkit::ServiceProcess;
///
/// # let (binary, folder) = ("target/debug/orders", tempfile::tempdir().unwrap()); // env!("CARGO_BIN_EXE_orders") in a test
/// let service = ServiceProcess::start(binary, folder.path(), &[("LOG_LEVEL", "debug")]);
/// assert_eq!(service.get("/health/ready").status, 200);
/// service.stop();
/// ```
#[derive(Debug)]
pub struct ServiceProcess {
    /// The process.
    pub child: Child,
    /// Where it listens, `127.0.0.1:port`.
    pub address: String,
    /// Where its admin listener is.
    pub admin: String,
    /// Everything it has written to stdout so far.
    pub log: ServiceLog,
}

impl ServiceProcess {
    /// How long the methods wait, 90 s: nothing takes this long on a healthy machine.
    pub const LIMIT: Duration = LIMIT;

    /// Starts the binary in this folder, with these variables and no others, and waits until it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(binary: &str, folder: &Path, variables: &[(&str, &str)]) -> Self {
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
    ///
    /// # Panics
    /// When there is no such binary.
    pub fn spawn(binary: &str, folder: &Path, variables: &[(&str, &str)]) -> (Child, ServiceLog) {
        let mut child = Self::command(binary, folder, variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("start {binary}: {error}"));
        let log = ServiceLog::of(child.stdout.take().expect("stdout is piped"));
        (child, log)
    }

    /// The binary with these variables and no others, on free ports of the loopback interface. The name of the binary is the prefix of
    /// its settings: `ORDERS_HTTP__PORT` of `orders`.
    pub fn command(binary: &str, folder: &Path, variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(binary);
        command.current_dir(folder).env_clear();
        command.envs(listening_on(binary, "0"));
        command.envs(variables.iter().copied());
        command
    }

    /// Waits for a child.
    ///
    /// # Panics
    /// When it does not end within [`LIMIT`](Self::LIMIT).
    pub fn wait_for(child: &mut Child) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("wait for the service") {
                return status;
            }
            assert!(start.elapsed() < LIMIT, "the service did not end within {LIMIT:?}");
            Self::pause();
        }
    }

    /// Between two looks at something that has no way to tell.
    pub fn pause() {
        std::thread::park_timeout(Duration::from_millis(20));
    }

    /// Sends a request and reads the whole reply.
    ///
    /// # Panics
    /// When there is no reply.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> HttpReply {
        HttpExchange::begin(&self.address, method, path, headers, body.len()).finish(body)
    }

    /// Sends a GET and reads the whole reply.
    ///
    /// # Panics
    /// When there is no reply.
    pub fn get(&self, path: &str) -> HttpReply {
        self.send("GET", path, &[], "")
    }

    /// Posts JSON and reads the whole reply.
    ///
    /// # Panics
    /// When there is no reply.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> HttpReply {
        let headers: Vec<_> = [("content-type", "application/json")].iter().chain(headers).copied().collect();
        self.send("POST", path, &headers, &body.to_string())
    }

    /// Asks the admin listener.
    ///
    /// # Panics
    /// When there is no reply.
    pub fn probe(&self, path: &str) -> HttpReply {
        HttpExchange::begin(&self.admin, "GET", path, &[], 0).finish("")
    }

    /// Asks until the answer is the wanted one, and returns it.
    ///
    /// # Panics
    /// When it never is; the message has the last answer.
    pub fn get_until(&self, path: &str, wanted: impl Fn(&HttpReply) -> bool) -> HttpReply {
        self.until(path, || self.get(path), wanted)
    }

    /// Asks the admin listener whether the service is ready, until the answer is the wanted one.
    ///
    /// # Panics
    /// When it never is; the message has the last answer.
    pub fn ready_until(&self, wanted: impl Fn(&HttpReply) -> bool) -> HttpReply {
        self.until("/health/ready", || self.probe("/health/ready"), wanted)
    }

    fn until(
        &self,
        path: &str,
        ask: impl Fn() -> HttpReply,
        wanted: impl Fn(&HttpReply) -> bool,
    ) -> HttpReply {
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
            Self::pause();
        }
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the process is gone and was waited for.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids are positive");
        kill_process(Pid::from_raw(id).expect("process ids are positive"), signal)
            .expect("the process is there");
    }

    /// SIGKILL, and waits until the process is gone.
    ///
    /// # Panics
    /// When it is gone already.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        let _killed = self.wait();
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Panics
    /// When it does not end within [`LIMIT`](Self::LIMIT).
    pub fn wait(&mut self) -> ExitStatus {
        Self::wait_for(&mut self.child)
    }

    /// SIGTERM, and everything the service logged.
    ///
    /// # Panics
    /// When it does not end in order.
    pub fn stop(mut self) -> Vec<Value> {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "the service did not end well: {status}\n{}", self.log);
        self.log.lines()
    }
}

/// The name of a binary.
pub(crate) fn name_of(binary: &str) -> String {
    Path::new(binary).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The settings of a binary that make it listen on this port, and its admin listener on a free one.
pub(crate) fn listening_on(binary: &str, port: &str) -> [(String, String); 2] {
    let prefix = name_of(binary).to_uppercase().replace('-', "_");
    [
        (format!("{prefix}_HTTP__PORT"), port.to_owned()),
        (format!("{prefix}_SERVICE__ADMIN__ADDRESS"), "127.0.0.1:0".to_owned()),
    ]
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        // Both fail when the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
