//! Objects in JetStream beside the object store of async-nats: 64 MiB and 4 KiB, on loopback and with 1 ms in each direction.
//!
//! `cargo bench -p underpin-benches --bench store_objects -- put` runs that one of `put`, `get`, `small`, `delayed` and `memory`;
//! without names all run.

mod clients;
mod delay;
mod memory;

use std::error::Error;
use std::time::{Duration, Instant};

use clients::{Ours, Theirs};
use tokio::runtime::Runtime;
use underpin_benches::Comparison;
use underpin_testkit::NatsServer;

type Done<T> = Result<T, Box<dyn Error>>;

const LARGE: usize = 64 * 1024 * 1024;
const SMALL: usize = 4096;

fn main() -> Done<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let server = runtime.block_on(NatsServer::private());
    let (ours, theirs) = runtime
        .block_on(async { Done::Ok((Ours::open(server.url()).await?, Theirs::open(server.url()).await?)) })?;
    if runs("put") {
        put(&runtime, "put of 64 MiB", LARGE, &ours, &theirs);
    }
    if runs("get") {
        get(&runtime, "get of 64 MiB", LARGE, &ours, &theirs);
    }
    if runs("small") {
        put(&runtime, "put of 4 KiB", SMALL, &ours, &theirs);
        // async-nats leaves the consumer of each get for five minutes, and reaches the server's limit of consumers here.
        runtime.block_on(ours.put(SMALL));
        Comparison::new("get of 4 KiB", "object")
            .timed("underpin", |times| runtime.block_on(repeat(times, || ours.get(SMALL))))
            .print();
    }
    if runs("delayed") {
        let url = runtime.block_on(delay::proxy(server.url(), Duration::from_millis(1)))?;
        let (ours, theirs) =
            runtime.block_on(async { Done::Ok((Ours::open(&url).await?, Theirs::open(&url).await?)) })?;
        put(&runtime, "put of 64 MiB with 1 ms in each direction", LARGE, &ours, &theirs);
        get(&runtime, "get of 64 MiB with 1 ms in each direction", LARGE, &ours, &theirs);
    }
    if runs("memory") {
        memory::run(&runtime, &ours, &theirs)?;
    }
    Ok(())
}

fn put(runtime: &Runtime, title: &str, size: usize, ours: &Ours, theirs: &Theirs) {
    Comparison::new(title, "object")
        .timed("async-nats", |times| runtime.block_on(repeat(times, || theirs.put(size))))
        .timed("underpin", |times| runtime.block_on(repeat(times, || ours.put(size))))
        .print();
}

fn get(runtime: &Runtime, title: &str, size: usize, ours: &Ours, theirs: &Theirs) {
    runtime.block_on(ours.put(size));
    Comparison::new(title, "object")
        .timed("async-nats", |times| runtime.block_on(repeat(times, || theirs.get(size))))
        .timed("underpin", |times| runtime.block_on(repeat(times, || ours.get(size))))
        .print();
}

async fn repeat<F: Future<Output = ()>>(times: u64, work: impl Fn() -> F) -> Duration {
    let began = Instant::now();
    for _ in 0..times {
        work().await;
    }
    began.elapsed()
}
