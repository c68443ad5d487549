//! A secret store over HTTP as a layer of the configuration, shown with a stub of one on the loopback.
//!
//! `cargo run -p underpin-config --example http_source`
//!
//! The client speaks just enough HTTP/1.1 for the stub; a service uses the client that it has anyway.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use underpin_config::{Loader, Secret, Source, SourceError, Validate};

/// `GET /v1/<path>` with a token answers `{"data": {"database.password": "..."}}`, as the KV store of Vault does.
struct Store {
    address: SocketAddr,
    path: &'static str,
    token: Secret<String>,
}

#[derive(Deserialize)]
struct Answer {
    data: std::collections::BTreeMap<String, Secret<String>>,
}

#[async_trait]
impl Source for Store {
    fn name(&self) -> &'static str {
        "store"
    }

    async fn fetch(&self) -> Result<Vec<(String, Secret<String>)>, SourceError> {
        // One deadline for the whole exchange: a store that hangs must not hang the start of the service.
        let answer = tokio::time::timeout(Duration::from_secs(5), self.get()).await;
        let body = answer.map_err(|_| SourceError::new("no answer within 5 s"))??;
        // The message of a JSON error may quote what it read, so it stays out.
        let answer: Answer =
            serde_json::from_str(&body).map_err(|_| SourceError::new("the answer is no JSON"))?;
        Ok(answer.data.into_iter().collect())
    }
}

impl Store {
    async fn get(&self) -> Result<String, SourceError> {
        let io = |error: std::io::Error| SourceError::new(error.kind().to_string());
        let mut stream = TcpStream::connect(self.address).await.map_err(io)?;
        let (path, token) = (self.path, self.token.expose());
        let request = format!(
            "GET /v1/{path} HTTP/1.1\r\nhost: store\r\nx-vault-token: {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.map_err(io)?;
        let mut answer = String::new();
        stream.take(1 << 20).read_to_string(&mut answer).await.map_err(io)?;
        let (head, body) =
            answer.split_once("\r\n\r\n").ok_or_else(|| SourceError::new("the answer is no HTTP"))?;
        match head.split_whitespace().nth(1) {
            Some("200") => Ok(body.to_owned()),
            Some(status) => Err(SourceError::new(format!("status {status}"))),
            None => Err(SourceError::new("the answer has no status")),
        }
    }
}

/// The stub: it knows one secret and one token.
async fn stub(listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await?);
        }
        let request = String::from_utf8_lossy(&request);
        let answer = match request.starts_with("GET /v1/orders ")
            && request.contains("x-vault-token: s.example\r\n")
        {
            true => {
                "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"data\":{\"database.password\":\"from the store\"}}"
            }
            false => "HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n{}",
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

#[derive(Debug, Deserialize)]
struct Settings {
    database: Database,
}

#[derive(Debug, Deserialize)]
struct Database {
    user: String,
    password: Secret<String>,
}

impl Validate for Settings {}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(stub(listener));

    let store = |token: &str| Arc::new(Store { address, path: "orders", token: token.into() });
    let loader = Loader::new("ORDERS").default_value("database.user", "orders");

    let settings: Settings = loader.clone().source(store("s.example")).load_async().await?;
    assert_eq!(
        (settings.database.user.as_str(), settings.database.password.expose().as_str()),
        ("orders", "from the store")
    );
    println!("{settings:?}");

    let refused = loader.source(store("s.wrong")).load_async::<Settings>().await.map(drop);
    let error = refused.err().ok_or("a wrong token was accepted")?;
    println!("{error}");

    server.abort();
    assert!(server.await.is_err_and(|error| error.is_cancelled()));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() {
        super::main().unwrap();
    }
}
