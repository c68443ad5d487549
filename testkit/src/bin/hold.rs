//! Starts one of everything, prints how to reach it, and holds it until the process ends, however it ends.
//!
//! For a look by hand (`cargo run -p underpin-testkit --bin hold`, then `psql` in another terminal), and for the tests
//! that kill a process which holds servers.

use std::io::Write;

use underpin_testkit::{NatsServer, PostgresDatabase, PostgresServer, TestkitError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), TestkitError> {
    let database = PostgresDatabase::try_fresh().await?;
    say(&format!("database {}", database.url()))?;
    // `hold shared` takes what DATABASE_URL and NATS_URL give, as most tests do; `hold` what a test may kill, too.
    if std::env::args().nth(1).as_deref() == Some("shared") {
        let nats = NatsServer::try_start().await?;
        say(&format!("nats {}", nats.url()))?;
        return held().await;
    }
    let server = PostgresServer::try_private(&[]).await?;
    let nats = NatsServer::try_private("").await?;
    say(&format!("server {}\nnats {}", server.url(), nats.url()))?;
    held().await
}

async fn held() -> Result<(), TestkitError> {
    say(&format!("pid {}\nready", std::process::id()))?;
    std::future::pending().await
}

fn say(text: &str) -> Result<(), TestkitError> {
    let said = std::io::stdout().write_all(format!("{text}\n").as_bytes());
    said.map_err(|source| TestkitError::Io { context: "cannot print".to_owned(), source })
}
