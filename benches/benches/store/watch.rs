//! The initial state of a watch: 100,000 keys of 100 bytes.

use std::error::Error;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::runtime::Runtime;
use underpin_benches::{Comparison, GoPeer};
use underpin_store::{KeyValue, Watch, WatchEvent, WatchOptions};
use underpin_testkit::NatsServer;

use crate::network::{Buckets, VALUE, check};

const KEYS: usize = 100_000;

pub(crate) fn run(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let server = runtime.block_on(NatsServer::private());
    let buckets = runtime.block_on(Buckets::open(server.url(), "watched"))?;
    runtime.block_on(fill(server.url(), &buckets))?;
    let go = GoPeer::build("store", &[server.url(), "watched"])?;
    let Buckets { ours, theirs } = &buckets;
    let comparison = Comparison::new("initial state of a watch, 100,000 keys of 100 bytes", "watch")
        .timed("async-nats", |times| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..times {
                    let mut watch = check(theirs.watch_with_history(">").await);
                    for _ in 0..KEYS {
                        drop(check(
                            watch.next().await.ok_or("it ended").and_then(|one| one.map_err(|_| "lost")),
                        ));
                    }
                }
                start.elapsed()
            })
        })
        .timed("underpin", |times| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..times {
                    let mut watch: Box<dyn Watch> = check(ours.watch(WatchOptions::all()).await);
                    while check(watch.next().await) != WatchEvent::Current {}
                }
                start.elapsed()
            })
        });
    let comparison = match &go {
        Some(go) => comparison.timed("nats.go", |times| go.run("watch", times)),
        None => comparison,
    };
    comparison.print();
    Ok(())
}

async fn fill(url: &str, buckets: &Buckets) -> Result<(), Box<dyn Error>> {
    let client = async_nats::connect(url).await?;
    // The server drops publishes without acknowledgements beyond 10,000 that wait.
    for first in (0..KEYS).step_by(5_000) {
        for number in first..first + 5_000 {
            client.publish(format!("$KV.watched.key.{number}"), VALUE).await?;
        }
        client.flush().await?;
        while buckets.ours.status().await?.entries < first as u64 + 5_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    Ok(())
}
