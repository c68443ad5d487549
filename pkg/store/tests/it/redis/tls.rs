//! A connection through TLS, in front of a server that has none.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_logger::NoopLogger;
use underpin_store::{RedisConnection, RedisSettings, StoreError};
use underpin_testkit::ValkeyServer;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events/tests/fixtures/tls").join(name)
}

/// Ends TLS for a server; returns the port. The task ends with the runtime of the test.
async fn terminate_tls(server: &ValkeyServer) -> u16 {
    let certificates =
        CertificateDer::pem_file_iter(fixture("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(certificates, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, target) =
        (listener.local_addr().unwrap().port(), server.url().trim_start_matches("redis://").to_owned());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, target) = (acceptor.clone(), target.clone());
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await?;
                copy_bidirectional(&mut client, &mut TcpStream::connect(target).await?).await
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_trusts_the_given_authority_and_no_other() {
    let server = ValkeyServer::private().await;
    let url = format!("rediss://127.0.0.1:{}", terminate_tls(&server).await);
    let trusting = RedisSettings::new(&url).ca_file(fixture("ca.pem"));
    let connection = RedisConnection::connect(&trusting, Arc::new(NoopLogger)).await.unwrap();
    assert_eq!(connection.check().await.status, HealthStatus::Up);
    let distrusting = RedisConnection::connect(&RedisSettings::new(&url), Arc::new(NoopLogger)).await;
    assert!(matches!(distrusting, Err(StoreError::Unavailable(_))), "{distrusting:?}");
    let missing = RedisSettings::new(&url).ca_file(fixture("none.pem"));
    let refused = RedisConnection::connect(&missing, Arc::new(NoopLogger)).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::InvalidOption { option, .. } if option == "ca_file"),
        "{refused:?}"
    );
}
