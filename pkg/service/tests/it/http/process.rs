//! A real process under load gets SIGTERM: no client sees it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::task::JoinSet;
use underpin_config::{Checks, Loader, Validate};
use underpin_logger::LoggerSettings;
use underpin_service::http::standard;
use underpin_service::{
    AdminSettings, Http, HttpSettings, LifecycleSettings, Metadata, Service, ServiceSettings, Start,
};

use super::support::{Client, Http2Client};

/// Where the child writes its address: set in the child only.
const CHILD: &str = "UNDERPIN_TEST_STOP_CHILD";

/// How many stops: 5, or as many as this says.
const STOPS: &str = "UNDERPIN_TEST_STOPS";

/// When clients stop to connect, as behind a load balancer that has noticed. The grace is one second.
const NOTICED: Duration = Duration::from_millis(500);

const CLIENTS: usize = 4;

/// Requests on a connection.
const KEPT: usize = 20;

#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    log: LoggerSettings,
    service: LifecycleSettings,
    http: HttpSettings,
}

impl Default for Settings {
    fn default() -> Self {
        let service = LifecycleSettings::default()
            .drain_grace(Duration::from_secs(1))
            .admin(AdminSettings::default().disabled());
        let http = HttpSettings::default().port(0);
        Self { log: LoggerSettings::default().level("off"), service, http }
    }
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.nested("service", &self.service);
        checks.nested("http", &self.http);
    }
}

impl ServiceSettings for Settings {
    fn logger(&self) -> LoggerSettings {
        self.log.clone()
    }

    fn lifecycle(&self) -> LifecycleSettings {
        self.service.clone()
    }
}

/// The process that is stopped: this test, run again with the variable set.
#[test]
fn child() {
    let Ok(place) = std::env::var(CHILD) else {
        assert!(Loader::new("NONE").load::<Settings>().is_ok());
        return;
    };
    let no_arguments: [&str; 0] = [];
    let service = Service::new(Metadata::new("child", "0"), Loader::new("NONE")).arguments(no_arguments);
    let code = service.run(async |start: &mut Start<Settings>| {
        let settings = start.settings();
        let routes = Router::new().route("/", get(async || "hello"));
        let grpc = start.grpc(&settings.http);
        let routes = standard(routes, &settings.http, start.log()).merge(grpc.into_routes());
        let http = start.traffic(Http::new(&settings.http, routes));
        start.on_ready(async move || {
            let written = format!("{place}.part");
            std::fs::write(&written, http.address().unwrap().to_string()).unwrap();
            std::fs::rename(written, place).unwrap();
        });
        Ok(())
    });
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
}

/// Ends with the test, however that ends.
struct Process(Child, SocketAddr);

impl Process {
    async fn start(place: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "http::process::child", "--test-threads", "1"])
            .env(CHILD, place)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self(child, SocketAddr::from(([127, 0, 0, 1], 0)));
        let began = Instant::now();
        while !place.exists() {
            assert!(began.elapsed() < Duration::from_secs(60), "the process is not ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        process.1 = std::fs::read_to_string(place).unwrap().parse().unwrap();
        process
    }

    fn terminate(&self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// What the clients share.
#[derive(Default)]
struct Load {
    may_connect: AtomicBool,
    answered: AtomicU64,
    /// Answered after the signal.
    late: AtomicU64,
    signalled: AtomicBool,
}

impl Load {
    fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        if self.signalled.load(Ordering::Relaxed) {
            self.late.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn may_connect(&self) -> bool {
        self.may_connect.load(Ordering::Relaxed)
    }
}

async fn http1(address: SocketAddr, load: Arc<Load>) {
    while load.may_connect() {
        let mut client = Client::connect(address).await;
        for _ in 0..KEPT {
            client.get("/").await;
            let answer = client.read_until("\r\n\r\nhello").await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            load.answered();
            if answer.contains("connection: close") {
                break;
            }
        }
    }
}

async fn http2(address: SocketAddr, load: Arc<Load>, is_grpc: bool) {
    while load.may_connect() {
        let mut client = Http2Client::try_connect(address).await.expect("not refused");
        // Whoever may not connect again keeps what it has, up to the GOAWAY.
        let mut sent = 0;
        while sent < KEPT || !load.may_connect() {
            let request = match is_grpc {
                true => Request::post("http://test/grpc.health.v1.Health/Check")
                    .header("content-type", "application/grpc")
                    .header("te", "trailers")
                    .body(Full::new(vec![0; 5].into())),
                false => Request::get("http://test/").body(Full::default()),
            };
            let Some(response) = client.try_send(request.unwrap()).await else { break };
            let response = response.expect("answered");
            assert_eq!(response.status(), 200);
            let whole = response.into_body().collect().await.expect("a whole response");
            let status = whole.trailers().and_then(|trailers| trailers.get("grpc-status")).cloned();
            assert_eq!(status.is_some_and(|status| status == "0"), is_grpc);
            load.answered();
            sent += 1;
        }
    }
}

/// Stops the process under load, as often as wanted.
async fn stop_under_load<F>(client: impl Fn(SocketAddr, Arc<Load>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let stops = std::env::var(STOPS).map_or(5, |count| count.parse().expect("a number"));
    let folder = tempfile::tempdir().unwrap();
    let mut late = 0;
    for stop in 0..stops {
        let mut process = Process::start(&folder.path().join(stop.to_string())).await;
        let load = Arc::new(Load::default());
        load.may_connect.store(true, Ordering::Relaxed);
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(client(process.1, Arc::clone(&load)));
        }
        while load.answered.load(Ordering::Relaxed) < 100 {
            assert!(clients.try_join_next().is_none(), "a client ended before the stop");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        load.signalled.store(true, Ordering::Relaxed);
        process.terminate();
        tokio::time::sleep(NOTICED).await;
        load.may_connect.store(false, Ordering::Relaxed);
        while let Some(ended) = clients.join_next().await {
            ended.expect("no request is refused, reset or failed");
        }
        let code = tokio::task::spawn_blocking(move || process.0.wait().unwrap());
        let code = tokio::time::timeout(Duration::from_secs(30), code).await.expect("stopped").unwrap();
        assert!(code.success(), "{code}");
        late += load.late.load(Ordering::Relaxed);
    }
    assert!(late > 0, "requests were answered after the signal");
}

#[tokio::test]
async fn no_http1_client_sees_the_stop() {
    stop_under_load(http1).await;
}

#[tokio::test]
async fn no_http2_client_sees_the_stop() {
    stop_under_load(|address, load| http2(address, load, false)).await;
}

#[tokio::test]
async fn no_grpc_client_sees_the_stop() {
    stop_under_load(|address, load| http2(address, load, true)).await;
}
