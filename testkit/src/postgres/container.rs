use std::time::Duration;

use crate::container::{Container, ContainerOptions};
use crate::error::{Server, TestkitError};
use crate::owned::OwnedServer;
use crate::port::random_text;
use crate::postgres::admin::Admin;
use crate::postgres::local::Cluster;
use crate::supervisor::Lifetime;

/// As for a local server: nothing is synced to the disk, and connections are plenty.
const SETTINGS: &[&str] = &[
    "fsync=off",
    "full_page_writes=off",
    "max_connections=400",
    // A container has 64 MB of shared memory.
    "dynamic_shared_memory_type=mmap",
    "timezone=UTC",
    "log_timezone=UTC",
];

/// Starts PostgreSQL in a container.
pub(crate) fn start(lifetime: Lifetime, settings: &[(&str, &str)]) -> Result<Cluster, TestkitError> {
    let password = random_text::<16>()?;
    let mut arguments = vec!["postgres".to_owned()];
    let own = SETTINGS.iter().map(|setting| (*setting).to_owned());
    for setting in own.chain(settings.iter().map(|(name, value)| format!("{name}={value}"))) {
        arguments.extend(["-c".to_owned(), setting]);
    }
    let container = Container::launch(&ContainerOptions {
        server: Server::Postgres,
        lifetime,
        image: ("POSTGRES_IMAGE", "postgres:16-alpine"),
        inner_port: 5432,
        options: vec!["--env".to_owned(), format!("POSTGRES_PASSWORD={password}")],
        file: None,
        arguments,
        url: format!("postgres://postgres:{password}@{{address}}/postgres"),
        ready,
    })?;
    Ok(Cluster { url: container.url().to_owned(), server: OwnedServer::Container(container) })
}

/// Whether the superuser can connect. The server with which the image sets itself up listens on no port.
fn ready(url: &str) -> bool {
    // On a thread that may block, of a runtime that drives its timers and sockets elsewhere.
    tokio::runtime::Handle::current().block_on(async {
        match tokio::time::timeout(Duration::from_secs(2), Admin::connect(url)).await {
            Ok(Ok(admin)) => {
                admin.close().await;
                true
            }
            _ => false,
        }
    })
}
