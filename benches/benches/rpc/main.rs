//! Request-reply beside plain async-nats, its service module and nats.go's micro package over a real server, tonic on loopback, and the
//! memory bus.
//!
//! `cargo bench -p underpin-benches --bench rpc -- serial` runs that one of `serial`, `concurrent` and `memory`; without names all run.

mod echo;
mod grpc;
mod memory;
mod network;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if runs("memory") {
        memory::run(&runtime)?;
    }
    if runs("serial") || runs("concurrent") {
        network::run(&runtime, runs("serial"), runs("concurrent"))?;
    }
    Ok(())
}
