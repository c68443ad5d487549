//! What a test holds of Valkey does what it says.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use underpin_testkit::ValkeyServer;

/// Sends one inline command and returns the first line of its answer, or how the connection failed.
fn ask(server: &ValkeyServer, command: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("redis://"))?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[tokio::test]
async fn a_killed_server_comes_back_on_its_port_with_what_was_acknowledged() {
    let (server, other) = (ValkeyServer::private().await, ValkeyServer::private().await);
    let url = server.url().to_owned();
    assert_eq!(ask(&server, "SET tea milk").unwrap(), "+OK");
    assert_eq!(ask(&other, "EXISTS tea").unwrap(), ":0");
    server.kill().await;
    assert!(!server.is_running() && ask(&server, "PING").is_err());
    server.restart().await;
    assert_eq!(server.url(), url);
    assert_eq!(ask(&server, "EXISTS tea").unwrap(), ":1");
    server.restart().await;
    assert_eq!(ask(&server, "EXISTS tea").unwrap(), ":1");
    server.stop().await;
    assert!(!server.is_running());
}

#[tokio::test]
async fn a_paused_server_does_not_answer() {
    let server = ValkeyServer::private().await;
    server.pause().await;
    assert!(server.is_running() && ask(&server, "PING").is_err());
    server.resume().await;
    assert_eq!(ask(&server, "PING").unwrap(), "+PONG");
}

#[tokio::test]
async fn a_configuration_reaches_the_server_and_a_bad_one_shows_its_log() {
    let server = ValkeyServer::private_with("requirepass love").await;
    assert!(ask(&server, "PING").unwrap().starts_with("-NOAUTH"));
    let error = ValkeyServer::try_private("no-such-setting 1").await.unwrap_err();
    assert!(error.explain().to_string().contains("no-such-setting"), "{error:?}");
}
