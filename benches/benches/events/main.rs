//! Events beside cloudevents-sdk (the codec), plain async-nats and nats.go (a real JetStream), and the memory bus.
//!
//! `cargo bench -p underpin-benches --bench events -- publish consume` runs those two of `codec`, `memory`, `publish` and
//! `consume`; without names all four run.

mod codec;
mod consume;
mod memory;
mod publish;
mod sample;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if runs("codec") {
        codec::run()?;
    }
    if runs("memory") {
        memory::run(&runtime)?;
    }
    if runs("publish") {
        publish::run(&runtime)?;
    }
    if runs("consume") {
        consume::run(&runtime)?;
    }
    Ok(())
}
