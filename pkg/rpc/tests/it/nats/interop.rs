//! Services and callers of other libraries: see `interop/README.md`.
//!
//! The packages are installed once into the cache of the test kit. Without them, and without a way to get them, the tests fail and say
//! what is missing; `UNDERPIN_INTEROP=off` leaves them out, and says so.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use underpin_errors::{Error, Kind};
use underpin_rpc::{Call, Caller, CallerExt, Gather, Host, RemoteError, Service, handler_fn, typed};
use underpin_testkit::{Interop, NatsServer};

use crate::support::{LIMIT, connect, request, within};

/// The packages, by name and version, and what a folder with others must not be taken for.
const PYTHON: [&str; 1] = ["nats-py==2.16.0"];
const NODE: [&str; 2] = ["@nats-io/services@3.0.0-25", "@nats-io/transport-node@3.4.0"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_py_calls_us_and_we_call_it() {
    let Some(python) = Interop::python(&PYTHON) else { return };
    peer(&python, "peer.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_js_calls_us_and_we_call_it() {
    let Some(node) = Interop::node(&NODE) else { return };
    peer(&node, "peer.mjs").await;
}

async fn peer(language: &Interop, script: &str) {
    let server = NatsServer::private().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script);
    let command = |role: &str| {
        let mut command = language.script(&script);
        command.arg(role).arg(server.url());
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
    tokio::task::spawn_blocking(move || Interop::run(&mut command, "the peer")).await.unwrap();
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
