//! An echo of 100 bytes over a real server: one call after the other, and 256 in flight. Caller and service have a connection each.

use std::future::Future;
use std::time::{Duration, Instant};

use async_nats::Client;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use tokio::runtime::Runtime;
use underpin_benches::{Comparison, GoPeer};
use underpin_logger::Context;
use underpin_rpc::nats::NatsRpc;
use underpin_rpc::{Caller, Host, Request};
use underpin_testkit::NatsServer;

use crate::echo::{self, Done};
use crate::grpc;

const IN_FLIGHT: usize = 256;
const BODY: Bytes = Bytes::from_static(&[b'x'; 100]);

pub(crate) fn run(runtime: &Runtime, serial: bool, concurrent: bool) -> Done<()> {
    let server = runtime.block_on(NatsServer::private());
    let url = server.url();
    runtime.block_on(async {
        echo::raw(url).await?;
        echo::module(url).await
    })?;
    let running = runtime
        .block_on(async { echo::connect(url).await?.serve(echo::service()).await.map_err(Into::into) });
    let running: Done<_> = running;
    let running = running?;
    let (ours, client) =
        runtime.block_on(async { Done::Ok((echo::connect(url).await?, async_nats::connect(url).await?)) })?;
    let channel = runtime.block_on(grpc::connect())?;
    let go = GoPeer::build("rpc", &[url])?;
    for (wanted, title, at_once) in [
        (serial, "call with 100 bytes, one after the other", 1),
        (concurrent, "call with 100 bytes, 256 in flight", IN_FLIGHT),
    ] {
        if !wanted {
            continue;
        }
        let raw = |subject: &'static str| {
            let client = client.clone();
            move |times| runtime.block_on(repeat(times, at_once, || plain(&client, subject)))
        };
        let comparison = Comparison::new(title, "call")
            .timed("async-nats, subscriber", raw("raw.echo"))
            .timed("async-nats, service module", raw("module.echo"))
            .timed("underpin", |times| runtime.block_on(repeat(times, at_once, || call(&ours))));
        let comparison = match &go {
            Some(go) => comparison.timed("nats.go, micro", move |times| {
                go.run(if at_once == 1 { "serial" } else { "concurrent" }, times)
            }),
            None => comparison,
        };
        let tonic = |times| runtime.block_on(repeat(times, at_once, || grpc::call(&channel, BODY)));
        comparison.timed("tonic, without a server between", tonic).print();
    }
    runtime.block_on(running.drain(Duration::from_secs(5)));
    Ok(())
}

async fn repeat<F: Future<Output = ()> + Send>(
    times: u64,
    at_once: usize,
    call: impl Fn() -> F + Send + Sync,
) -> Duration {
    let start = Instant::now();
    if at_once == 1 {
        for _ in 0..times {
            call().await;
        }
    } else {
        stream::iter(0..times).map(|_| call()).buffer_unordered(at_once).for_each(|()| async {}).await;
    }
    start.elapsed()
}

#[allow(clippy::panic, reason = "a benchmark whose call fails measures nothing")]
async fn plain(client: &Client, subject: &'static str) {
    if let Err(error) = client.request(subject, BODY).await {
        panic!("request: {error}");
    }
}

#[allow(clippy::panic, reason = "a benchmark whose call fails measures nothing")]
async fn call(rpc: &NatsRpc) {
    if let Err(error) = rpc.call(Request::new("ours.echo", BODY, &Context::background())).await {
        panic!("call: {error}");
    }
}
