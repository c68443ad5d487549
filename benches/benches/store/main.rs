//! Key-value beside plain async-nats and nats.go over a real server, the cache beside bare moka, and what needs no server.
//!
//! `cargo bench -p underpin-benches --bench store -- get` runs that one of `get`, `put`, `watch`, `memory`, `cache` and `limiter`; without
//! names all run.

mod local;
mod network;
mod watch;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if runs("memory") {
        local::memory(&runtime)?;
    }
    if runs("cache") {
        local::cache(&runtime)?;
    }
    if runs("limiter") {
        local::limiter(&runtime);
    }
    if runs("get") || runs("put") {
        network::run(&runtime, runs("get"), runs("put"))?;
    }
    if runs("watch") {
        watch::run(&runtime)?;
    }
    Ok(())
}
