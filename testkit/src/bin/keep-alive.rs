//! Starts one server of each kind, prints their URLs, and keeps them alive until the process ends.
//!
//! For work by hand (`cargo run -p underpin-testkit --bin keep-alive`, then `psql` in another terminal), and for the tests
//! that kill a process which owns servers.

use std::io::Write;

use underpin_testkit::{NatsServer, PostgresDatabase, PostgresServer, TestkitError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), TestkitError> {
    let database = PostgresDatabase::try_fresh().await?;
    print(&format!("database {}", database.url()))?;
    // `keep-alive shared` uses DATABASE_URL and NATS_URL, as most tests do; `keep-alive` also starts servers to kill.
    if std::env::args().nth(1).as_deref() == Some("shared") {
        let nats = NatsServer::try_start().await?;
        print(&format!("nats {}", nats.url()))?;
        return forever().await;
    }
    let server = PostgresServer::try_private(&[]).await?;
    let nats = NatsServer::try_private("").await?;
    print(&format!("server {}\nnats {}", server.url(), nats.url()))?;
    forever().await
}

async fn forever() -> Result<(), TestkitError> {
    print(&format!("pid {}\nready", std::process::id()))?;
    std::future::pending().await
}

fn print(text: &str) -> Result<(), TestkitError> {
    let printed = std::io::stdout().write_all(format!("{text}\n").as_bytes());
    printed.map_err(|source| TestkitError::Io { context: "cannot print".to_owned(), source })
}
