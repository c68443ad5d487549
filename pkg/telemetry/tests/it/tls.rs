//! A collector behind TLS, with a certificate of a private authority.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
    server::TlsStream,
};
use tonic::transport::{Identity, Server, ServerTlsConfig};
use underpin_logger::{Level, testing::CaptureLogger};
use underpin_telemetry::OtlpProtocol;

use crate::collector::{Collector, LIMIT, Mood, alone, counter, record, settings, start_logged};

const PROTOCOLS: [OtlpProtocol; 2] = [OtlpProtocol::HttpProtobuf, OtlpProtocol::Grpc];

/// A certificate for this machine that is its own authority, and its key.
struct Certificate {
    file: PathBuf,
    key: PathBuf,
}

impl Certificate {
    fn new(folder: &Path, name: &str) -> Self {
        let (file, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&file)
            .output()
            .expect("openssl is installed: apt-get install openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { file, key }
    }

    async fn collector(&self, protocol: OtlpProtocol) -> Collector {
        if protocol == OtlpProtocol::Grpc {
            let read = |file| std::fs::read(file).unwrap();
            let tls = ServerTlsConfig::new().identity(Identity::from_pem(read(&self.file), read(&self.key)));
            return Collector::serve_grpc(Server::builder().tls_config(tls).unwrap(), "https").await;
        }
        let chain = CertificateDer::pem_file_iter(&self.file).unwrap().map(Result::unwrap).collect();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config =
            config.with_single_cert(chain, PrivateKeyDer::from_pem_file(&self.key).unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        Collector::serve(TlsListener(listener, TlsAcceptor::from(Arc::new(config))), url, Mood::Takes)
    }
}

struct TlsListener(TcpListener, TlsAcceptor);

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.0.accept().await.unwrap();
            // A client that does not trust us leaves here.
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_authority_is_trusted_and_headers_arrive() {
    let _turn = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::new(folder.path(), "own");
    for protocol in PROTOCOLS {
        let collector = certificate.collector(protocol).await;
        let otlp = settings(collector.url()).protocol(protocol).ca_file(&certificate.file);
        let telemetry = start_logged(otlp.header("x-token", "t-1"), Arc::new(CaptureLogger::new())).unwrap();
        record(10);
        telemetry.stop(LIMIT).await.unwrap();
        assert_eq!(collector.spans().len(), 10, "{protocol:?}");
        assert!(collector.tokens().iter().all(|token| token == "t-1"), "{protocol:?}");
        assert!(!collector.tokens().is_empty(), "{protocol:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_of_another_authority_is_a_counted_loss_that_names_the_cause() {
    let _turn = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let [own, other] = ["own", "other"].map(|name| Certificate::new(folder.path(), name));
    for protocol in PROTOCOLS {
        let collector = own.collector(protocol).await;
        let mut otlp = settings(collector.url()).protocol(protocol).ca_file(&other.file);
        otlp.give_up_after = Duration::ZERO;
        let log = CaptureLogger::new();
        let telemetry = start_logged(otlp, Arc::new(log.clone())).unwrap();
        let dropped = || counter(&telemetry, "underpin_telemetry_dropped_total", "reason=\"unreachable\"");
        let before = dropped();
        record(10);
        telemetry.stop(LIMIT).await.unwrap();
        assert_eq!((dropped() - before, collector.spans().len()), (10, 0), "{protocol:?}");
        log.assert_logged(Level::Warn, "telemetry is not exported");
        let said = format!("{:?}", log.entries());
        assert!(said.contains("invalid peer certificate"), "{protocol:?}: {said}");
    }
}

#[tokio::test]
async fn a_file_without_certificates_ends_the_start_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.pem");
    std::fs::write(&file, "nothing").unwrap();
    for protocol in PROTOCOLS {
        for (file, reason) in [(&file, "holds no certificate"), (&folder.path().join("none"), "cannot read")]
        {
            let otlp = settings("https://127.0.0.1:9").protocol(protocol).ca_file(file);
            let error = start_logged(otlp, Arc::new(CaptureLogger::new())).unwrap_err();
            let said = underpin_errors::Report(&error).to_string();
            assert!(said.contains(reason) && said.contains(&*file.to_string_lossy()), "{said}");
        }
    }
}
