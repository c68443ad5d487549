//! Services and callers of other libraries: see `interop/README.md`.
//!
//! The packages are installed once into the cache of the test kit. Without them, and without a way to get them, the tests fail and say
//! what is missing; `UNDERPIN_INTEROP=off` leaves them out, and says so.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use underpin_errors::{Error, Kind};
use underpin_rpc::{Call, Caller, CallerExt, Gather, Host, RemoteError, Service, handler_fn, typed};
use underpin_testkit::{NatsServer, cache_folder};

use crate::support::{LIMIT, connect, request, within};

/// The packages, by name and version, and what a folder with others must not be taken for.
const PYTHON: [&str; 1] = ["nats-py==2.16.0"];
const NODE: [&str; 2] = ["@nats-io/services@3.0.0-25", "@nats-io/transport-node@3.4.0"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_py_calls_us_and_we_call_it() {
    let Some(folder) = installed("python", &PYTHON, |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder), "python3 with venv");
        let pip = folder.join("bin/pip");
        run(
            Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check"]).args(PYTHON),
            "pip",
        );
    }) else {
        return;
    };
    peer(&folder, &folder.join("bin/python"), "peer.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_js_calls_us_and_we_call_it() {
    let Some(folder) = installed("node", &NODE, |folder| {
        std::fs::create_dir_all(folder).unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(folder).args(NODE);
        run(&mut npm, "npm");
    }) else {
        return;
    };
    peer(&folder, Path::new("node"), "peer.mjs").await;
}

async fn peer(folder: &Path, program: &Path, script: &str) {
    let server = NatsServer::private().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script);
    let command = |role: &str| {
        let mut command = Command::new(program);
        command.arg(&script).arg(role).arg(server.url()).current_dir(folder);
        command
    };
    it_calls_us(&server, command("call")).await;
    we_call_it(&server, command("serve")).await;
}

async fn it_calls_us(server: &NatsServer, mut command: Command) {
    let find = typed(async |id: String, _: Call| {
        Err::<(), _>(Error::not_found(format!("no order {id}")).code("ORDER_NOT_FOUND"))
    });
    let broken = handler_fn(|_| async { panic!("secret") });
    let service = Service::new("interop", "1.2.3")
        .endpoint("double", typed(async |n: u32, _: Call| Ok::<_, Error>(n * 2)))
        .endpoint("find", find)
        .endpoint("break", broken);
    let _running = connect(server.url()).await.serve(service).await.unwrap();
    tokio::task::spawn_blocking(move || run(&mut command, "the peer")).await.unwrap();
}

async fn we_call_it(server: &NatsServer, command: Command) {
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut peer = command.spawn().unwrap();
    let mut lines = BufReader::new(peer.stdout.take().unwrap()).lines();
    assert_eq!(within("the peer serves", lines.next_line()).await.unwrap().as_deref(), Some("ready"));

    let rpc = connect(server.url()).await;
    let reply = rpc.call(request("peer.echo", "hello").header("x-tenant", "acme")).await.unwrap();
    assert_eq!((&reply.body[..], reply.headers.get("x-seen")), (&b"hello"[..], Some("acme")));

    let fail = async |code: &str, text: &str, data: &str| {
        let body = serde_json::to_vec(&[code, text, data]).unwrap();
        let error = rpc.call(request("peer.fail", body)).await.unwrap_err();
        error.as_remote().cloned().unwrap_or_else(|| panic!("{error:?}"))
    };
    let remote: RemoteError = fail("404", "no such file", "details").await;
    assert_eq!((remote.error().kind(), remote.error().public_message()), (Kind::NotFound, "no such file"));
    assert_eq!((remote.number(), &remote.body()[..]), (Some("404"), &b"details"[..]));
    let remote = fail("429", "slow down", r#"{"limit": 5}"#).await;
    assert_eq!(
        (remote.error().kind(), remote.error().public_message()),
        (Kind::ResourceExhausted, "slow down")
    );
    let remote = fail("17", "odd", "").await;
    assert_eq!((remote.error().kind(), remote.number()), (Kind::Unknown, Some("17")));
    assert!(remote.error().report().to_string().contains("odd"), "{remote:?}");

    let pings = rpc.gather(request("$SRV.PING", ""), Gather::until_deadline().count(1)).await.unwrap();
    assert!(pings[0].is_ok());
    let infos = rpc.services(Some("peer"), Duration::from_secs(3)).await.unwrap();
    assert_eq!((infos.len(), infos[0].version.as_str()), (1, "0.3.0"));
    let subjects: Vec<_> = infos[0].endpoints.iter().map(|endpoint| endpoint.subject.as_str()).collect();
    assert_eq!(subjects, ["peer.echo", "peer.fail"]);
    let stats = rpc.service_stats(Some("peer"), Duration::from_secs(3)).await.unwrap();
    assert_eq!(stats[0].endpoints[1].num_requests, 3, "{stats:?}");

    drop(peer.stdin.take());
    assert!(tokio::time::timeout(LIMIT, peer.wait()).await.unwrap().unwrap().success());
}

/// The folder with the packages of a language, installed if need be; none where that was asked for.
fn installed(name: &str, packages: &[&str], install: impl FnOnce(&Path)) -> Option<PathBuf> {
    if std::env::var("UNDERPIN_INTEROP").is_ok_and(|value| value == "off") {
        println!("interop with {name} left out: UNDERPIN_INTEROP=off");
        return None;
    }
    let folder = cache_folder()
        .join(format!("interop-rpc-{name}-{}", packages.join("-").replace(['=', '@', '/'], "")));
    let parent = folder.parent().unwrap();
    std::fs::create_dir_all(parent).unwrap();
    // Several test runs may want it at the same time.
    let lock = File::create(parent.join(format!("interop-rpc-{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let complete = folder.join("complete");
    if !complete.exists() {
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        install(&folder);
        File::create(complete).unwrap();
    }
    Some(folder)
}

fn run(command: &mut Command, what: &str) {
    let remedy = "these tests need python3 (3.10 or newer, with venv and pip), node (18 or newer) and npm, and their package \
                  registries once; UNDERPIN_INTEROP=off leaves them out";
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("{what} failed: {}\n{remedy}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{what}: {error}\n{remedy}"),
    }
}
