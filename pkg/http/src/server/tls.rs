use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::{Context, Logger, info, warn};

use super::meters;
use crate::TlsSettings;

/// The files as they were read last, and what new connections are opened with.
pub(super) struct Tls {
    settings: TlsSettings,
    current: Mutex<Arc<ServerConfig>>,
    /// Of the files that are in use.
    hash: u64,
}

impl Tls {
    /// Reads the files. Blocks.
    pub(super) fn open(settings: &TlsSettings) -> Result<Self, Error> {
        let (hash, config) = read(settings)?;
        Ok(Self { settings: settings.clone(), current: Mutex::new(config?), hash })
    }

    pub(super) fn settings(&self) -> &TlsSettings {
        &self.settings
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Reads the files again and again. Files that do not fit together are reported, and those before stay in use.
    pub(super) async fn watch(&self, server: &str, log: Arc<dyn Logger>) {
        let ctx = Context::background();
        let (mut in_use, mut refused, mut doubted) = (self.hash, None, None);
        loop {
            sleep(self.settings.check_every).await;
            let settings = self.settings.clone();
            let Ok(read) = spawn_blocking(move || read(&settings)).await else { continue };
            let (hash, config) = match read {
                Ok((hash, config)) => (hash, config),
                // Zero for files that are not there at all.
                Err(missing) => (0, Err(missing)),
            };
            if hash == in_use {
                (refused, doubted) = (None, None);
                continue;
            }
            match config {
                Ok(config) => {
                    *self.current.lock().unwrap_or_else(PoisonError::into_inner) = config;
                    (in_use, refused, doubted) = (hash, None, None);
                    meters::tls_files(server, "loaded");
                    info!(log, &ctx, "certificate reloaded", server = server);
                }
                // One of two files may be written yet: what is wrong twice is wrong.
                Err(_) if doubted != Some(hash) => doubted = Some(hash),
                Err(problem) if refused != Some(hash) => {
                    refused = Some(hash);
                    meters::tls_files(server, "refused");
                    warn!(
                        log,
                        &ctx,
                        &problem,
                        "new certificate refused, the one before stays",
                        server = server
                    );
                }
                Err(_) => {}
            }
        }
    }
}

/// A hash of the files, and what they make. An error is one of reading.
fn read(settings: &TlsSettings) -> Result<(u64, Result<Arc<ServerConfig>, Error>), Error> {
    let certificate = file(&settings.certificate)?;
    let key = file(&settings.key)?;
    let client_ca = settings.client_ca.as_deref().map(file).transpose()?;
    let mut hasher = DefaultHasher::new();
    (&certificate, &key, &client_ca).hash(&mut hasher);
    Ok((hasher.finish(), config(settings, &certificate, &key, client_ca.as_deref())))
}

fn file(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).wrap_err(Kind::Unavailable, format!("read {} (see http.tls)", path.display()))
}

fn config(
    settings: &TlsSettings,
    certificate: &[u8],
    key: &[u8],
    client_ca: Option<&[u8]>,
) -> Result<Arc<ServerConfig>, Error> {
    let of = |path: &Path| format!("use {} (see http.tls)", path.display());
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().wrap_err(Kind::Internal, "set up TLS")?;
    let builder = match (client_ca, &settings.client_ca) {
        (Some(pem), Some(path)) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(pem, path)? {
                roots.add(authority).wrap_err(Kind::Unavailable, of(path))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().wrap_err(Kind::Unavailable, of(path))?)
        }
        _ => builder.with_no_client_auth(),
    };
    let chain = certificates(certificate, &settings.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).wrap_err(Kind::Unavailable, of(&settings.key))?;
    // Fails for a key that is not the certificate's.
    let config = builder.with_single_cert(chain, key);
    let mut config = config.wrap_err(Kind::Unavailable, of(&settings.certificate))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let of = || format!("use {} (see http.tls)", path.display());
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all.wrap_err(Kind::Unavailable, of())? {
        none if none.is_empty() => Err(Error::unavailable("no certificate in it").context(of())),
        some => Ok(some),
    }
}
