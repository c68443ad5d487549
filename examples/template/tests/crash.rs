//! The real process under load, on SQLite and the bus in memory: each acknowledged note is kept and counted once, after a
//! `kill -9` and after a SIGTERM.

mod client;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use client::{LIMIT, request};

struct Service {
    process: Child,
    address: String,
    /// Where its admin listener is.
    admin: String,
}

/// An address that is free.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Service {
    /// Starts the program in this folder, and waits until it answers.
    fn start(folder: &Path) -> Self {
        let (address, admin) = (free(), free());
        let (_, port) = address.split_once(':').unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_{{project-name}}"))
            .args([format!("http.port={port}"), format!("service.admin.address={admin}")])
            .current_dir(folder)
            .env_clear()
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let service = Self { process, address, admin };
        service.wait_for(&service.address, "/health/ready", |body| body.contains("ready"));
        service
    }

    fn wait_for(&self, address: &str, path: &str, wanted: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let answer = request(address, &format!("GET {path} HTTP/1.1\r\n"), "");
            match answer.filter(|(status, body)| *status == 200 && wanted(body)) {
                Some((_, body)) => return body,
                None => assert!(start.elapsed() < LIMIT, "{path} never answers as it should"),
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn count(&self) -> i64 {
        let body = self.wait_for(&self.address, "/notes/count", |_| true);
        serde_json::from_str::<serde_json::Value>(&body).unwrap()["notes"].as_i64().unwrap()
    }

    /// Sends a signal and waits for the end.
    fn end(&mut self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.process.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail where the process has ended.
        drop((self.process.kill(), self.process.wait()));
    }
}

fn add(address: &str) -> bool {
    let answer = request(address, "POST /notes HTTP/1.1\r\n", r#"{"text":"hello"}"#);
    answer.is_some_and(|(status, _)| status == 201)
}

#[test]
fn each_acknowledged_note_is_counted_once_after_a_kill_and_after_a_stop() {
    const CALLERS: i64 = 4;
    let folder = std::env::temp_dir().join(format!("{{project-name}}-crash-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let acknowledged = AtomicI64::new(0);
    for (round, signal) in (1..).zip(["-KILL", "-TERM"]) {
        let mut service = Service::start(&folder);
        std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                let (address, acknowledged) = (service.address.clone(), &acknowledged);
                scope.spawn(move || {
                    while add(&address) {
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            let start = Instant::now();
            while acknowledged.load(Ordering::SeqCst) < 150 * round {
                assert!(start.elapsed() < LIMIT, "the load has stopped");
                std::thread::park_timeout(Duration::from_millis(5));
            }
            service.end(signal);
        });
        drop(service);
        // A caller whose answer was cut off does not know whether its note was kept.
        let kept = acknowledged.load(Ordering::SeqCst);
        let possible = kept..=kept + CALLERS * round;
        let service = Service::start(&folder);
        let wait = Instant::now();
        while service.count() < kept {
            assert!(wait.elapsed() < LIMIT, "{} of {kept} are counted", service.count());
        }
        service.wait_for(&service.admin, "/health/ready", |body| body.contains("\"waiting\":0"));
        assert!(possible.contains(&service.count()), "{} counted, {possible:?} possible", service.count());
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
