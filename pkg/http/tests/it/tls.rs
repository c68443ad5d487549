use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use underpin_http::TlsSettings;
use underpin_http::{Drain, HttpServer, HttpSettings};
use underpin_logger::Level;
use underpin_logger::testing::CaptureLogger;

use super::support::{LIMIT, Served};

/// A certificate for `localhost` that is its own authority, and its key.
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl is installed: apt-get install openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (certificate, key)
}

/// Connects with trust in this certificate only.
async fn connect(address: SocketAddr, trusted: &Path, alpn: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_file_iter(trusted).unwrap() {
        roots.add(authority.unwrap()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config = builder
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

fn routes() -> Router {
    Router::new().route("/", get(async || "hello"))
}

#[tokio::test]
async fn both_protocols_are_offered_and_a_silent_handshake_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (crt, key) = certificate(folder.path(), "one");
    let tls = TlsSettings::new(&crt, &key).handshake_timeout(Duration::from_millis(300));
    let server = Served::start(HttpSettings::default().tls(tls), routes()).await;
    let address = server.0.address().unwrap();
    for alpn in ["h2", "http/1.1"] {
        let stream = connect(address, &crt, alpn).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(alpn.as_bytes()));
    }
    let mut stream = connect(address, &crt, "http/1.1").await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LIMIT, stream.read_to_string(&mut answer)).await.unwrap().expect("closed in order");
    assert!(answer.ends_with("hello"), "{answer}");

    let mut silent = server.connect().await;
    silent.closed().await;
    let handshaking = server.connect().await;
    assert_eq!(server.stop(30_000).await, 0);
    drop(handshaking);
}

#[tokio::test]
async fn new_files_are_used_and_bad_ones_are_reported_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let (first, first_key) = certificate(folder.path(), "first");
    let (second, second_key) = certificate(folder.path(), "second");
    let (crt, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let install = |certificate: &Path, private: &Path| {
        std::fs::copy(certificate, &crt).unwrap();
        std::fs::copy(private, &key).unwrap();
    };
    install(&first, &first_key);
    let tls = TlsSettings::new(&crt, &key).check_every(Duration::from_millis(20));
    let http = HttpServer::new(&HttpSettings::default().port(0).tls(tls), routes());
    let log = CaptureLogger::new();
    http.attach(Arc::new(log.clone()), Arc::new(Drain::default()));
    http.start().await.unwrap();
    let address = http.address().unwrap();
    assert!(connect(address, &first, "h2").await.is_ok());
    // The key of another certificate.
    install(&second, &first_key);
    logged(&log, Level::Warn, "new certificate refused, the one before stays").await;
    assert!(connect(address, &first, "h2").await.is_ok());
    install(&second, &second_key);
    logged(&log, Level::Info, "certificate reloaded").await;
    assert!(connect(address, &second, "h2").await.is_ok());
    assert!(connect(address, &first, "h2").await.is_err());
}

async fn logged(log: &CaptureLogger, level: Level, msg: &str) {
    let seen = async {
        while !log.entries().iter().any(|entry| entry.level == level && entry.msg == msg) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, seen).await.unwrap_or_else(|_| panic!("{msg:?} was not logged"));
}

#[tokio::test]
async fn a_missing_file_and_a_wrong_key_keep_it_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let (crt, _) = certificate(folder.path(), "one");
    let (_, other_key) = certificate(folder.path(), "other");
    for (key, named) in [(folder.path().join("none.key"), "none.key"), (other_key, "one.crt")] {
        let settings = HttpSettings::default().port(0).tls(TlsSettings::new(&crt, key));
        let error = HttpServer::new(&settings, routes()).start().await.unwrap_err();
        let text = underpin_errors::Report(&error).to_string();
        assert!(text.contains(named) && text.contains("http.tls"), "{text}");
    }
}
