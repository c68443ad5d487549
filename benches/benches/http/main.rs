//! The HTTP server and its standard layers beside axum's server, and beside the same features assembled from tower-http, a JSON
//! subscriber and axum-prometheus. 64 connections over loopback, one small response; server and clients share the cores.
//!
//! `cargo bench -p underpin-benches --bench http -- standard` runs those whose names contain the word, for a profile.

mod client;
mod contenders;

use std::error::Error;

use underpin_benches::Comparison;

use client::Clients;
use contenders::{Log, assembled, bare, our_loop, standard_with_log, standard_without_log};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // Both record into the same exporter.
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    metrics::set_global_recorder(recorder)?;
    let log = Log::to_nowhere()?;
    tracing::subscriber::set_global_default(log.subscriber()?)?;

    let servers = runtime.block_on(async {
        Ok::<_, Box<dyn Error>>([
            ("bare axum, axum::serve", bare().await?),
            ("bare axum, underpin's loop", our_loop(contenders::routes()).await?),
            ("standard, without its log", our_loop(standard_without_log()).await?),
            ("standard, JSON log to /dev/null", our_loop(standard_with_log(&log)).await?),
            ("tower-http, JSON subscriber, axum-prometheus", assembled().await?),
        ])
    })?;
    let wanted: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    let mut clients = Vec::new();
    for (name, address) in servers.into_iter().filter(|(name, _)| runs(name)) {
        clients.push((name, runtime.block_on(Clients::connect(address))?));
    }
    let mut comparison = Comparison::new("HTTP requests over 64 connections", "request");
    for (name, clients) in &mut clients {
        comparison = comparison.timed(*name, |times| runtime.block_on(clients.requests(times)));
    }
    comparison.print();
    Ok(())
}
