//! Starts one of everything, prints how to reach it, and holds it until the process ends, however it ends.
//!
//! For a look by hand (`cargo run -p underpin-testkit --bin hold`, then `psql` in another terminal), and for the tests
//! that kill a process which holds servers.

use std::io::Write;

use underpin_testkit::{NatsServer, PostgresDatabase, PostgresServer, TestkitError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), TestkitError> {
    let database = PostgresDatabase::try_fresh().await?;
    let server = PostgresServer::try_private(&[]).await?;
    let nats = NatsServer::try_private("").await?;
    let (pid, database_url) = (std::process::id(), database.url());
    let text =
        format!("pid {pid}\ndatabase {database_url}\nserver {}\nnats {}\nready\n", server.url(), nats.url());
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|source| TestkitError::Io { context: "cannot print".to_owned(), source })?;
    std::future::pending().await
}
