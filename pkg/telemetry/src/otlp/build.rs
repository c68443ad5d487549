//! The exporters of `opentelemetry-otlp`, without their own retries: the worker decides on those.

use std::{collections::HashMap, path::Path, sync::Arc};

use hyper_rustls::HttpsConnectorBuilder;
use opentelemetry_http::{HttpClient, hyper::HyperClient};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig as _,
    WithHttpConfig as _, WithTonicConfig as _,
    tonic_types::{
        metadata::MetadataMap,
        transport::{Certificate, ClientTlsConfig},
    },
};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use underpin_errors::BoxError;

use super::{
    client::{ProbedClient, StatusProbe},
    plan::Target,
};
use crate::{OtlpProtocol, OtlpSettings, TelemetryError};

pub(super) fn spans(
    target: &Target,
    settings: &OtlpSettings,
) -> Result<(SpanExporter, StatusProbe), TelemetryError> {
    let probe = StatusProbe::default();
    let built = match target.protocol {
        OtlpProtocol::Grpc => {
            let builder = SpanExporter::builder().with_tonic().with_endpoint(&target.endpoint);
            let builder = builder.with_timeout(target.timeout).with_retry_policy(RetryPolicy::disabled());
            let builder = builder.with_metadata(metadata(settings).map_err(failed(target))?);
            if is_encrypted(target) {
                builder.with_tls_config(tls(target).map_err(failed(target))?).build()
            } else {
                builder.build()
            }
        }
        OtlpProtocol::HttpProtobuf => SpanExporter::builder()
            .with_http()
            .with_endpoint(&target.endpoint)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(target.timeout)
            .with_retry_policy(RetryPolicy::disabled())
            .with_headers(headers(settings))
            .with_shared_http_client(client(target, &probe).map_err(failed(target))?)
            .build(),
    };
    Ok((built.map_err(refused(target))?, probe))
}

pub(super) fn logs(
    target: &Target,
    settings: &OtlpSettings,
) -> Result<(LogExporter, StatusProbe), TelemetryError> {
    let probe = StatusProbe::default();
    let built = match target.protocol {
        OtlpProtocol::Grpc => {
            let builder = LogExporter::builder().with_tonic().with_endpoint(&target.endpoint);
            let builder = builder.with_timeout(target.timeout).with_retry_policy(RetryPolicy::disabled());
            let builder = builder.with_metadata(metadata(settings).map_err(failed(target))?);
            if is_encrypted(target) {
                builder.with_tls_config(tls(target).map_err(failed(target))?).build()
            } else {
                builder.build()
            }
        }
        OtlpProtocol::HttpProtobuf => LogExporter::builder()
            .with_http()
            .with_endpoint(&target.endpoint)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(target.timeout)
            .with_retry_policy(RetryPolicy::disabled())
            .with_headers(headers(settings))
            .with_shared_http_client(client(target, &probe).map_err(failed(target))?)
            .build(),
    };
    Ok((built.map_err(refused(target))?, probe))
}

fn client(target: &Target, probe: &StatusProbe) -> Result<Arc<dyn HttpClient>, BoxError> {
    let probe = probe.clone();
    if !is_encrypted(target) {
        let inner = HyperClient::with_default_connector(target.timeout, None);
        return Ok(Arc::new(ProbedClient { inner, probe }));
    }
    let connector = match &target.ca_file {
        Some(file) => HttpsConnectorBuilder::new().with_tls_config(trusting(file)?),
        None => HttpsConnectorBuilder::new().with_provider_and_native_roots(ring::default_provider())?,
    };
    let inner = HyperClient::new(connector.https_only().enable_http1().build(), target.timeout, None);
    Ok(Arc::new(ProbedClient { inner, probe }))
}

/// A client that trusts the certificates of this file alone.
fn trusting(file: &Path) -> Result<ClientConfig, BoxError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&read(file)?) {
        let certificate = certificate.map_err(|error| format!("{}: {error}", file.display()))?;
        roots.add(certificate).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    Ok(config.with_no_client_auth())
}

fn tls(target: &Target) -> Result<ClientTlsConfig, BoxError> {
    let config = ClientTlsConfig::new();
    Ok(match &target.ca_file {
        // Checked here, because tonic says no more than that it cannot connect.
        Some(file) => trusting(file).and(Ok(config.ca_certificate(Certificate::from_pem(read(file)?))))?,
        None => config.with_native_roots(),
    })
}

/// The text of a file of certificates.
fn read(file: &Path) -> Result<Vec<u8>, BoxError> {
    let text = std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    if CertificateDer::pem_slice_iter(&text).next().is_none() {
        return Err(format!("{} holds no certificate in PEM form", file.display()).into());
    }
    Ok(text)
}

fn is_encrypted(target: &Target) -> bool {
    target.endpoint.starts_with("https://")
}

fn headers(settings: &OtlpSettings) -> HashMap<String, String> {
    // The one place that opens the connection.
    settings.headers.iter().map(|(name, value)| (name.clone(), value.expose().clone())).collect()
}

fn metadata(settings: &OtlpSettings) -> Result<MetadataMap, BoxError> {
    let mut map = http::HeaderMap::new();
    for (name, value) in headers(settings) {
        let mut value = http::HeaderValue::from_str(&value)?;
        value.set_sensitive(true);
        map.insert(http::HeaderName::from_bytes(name.as_bytes())?, value);
    }
    Ok(MetadataMap::from_headers(map))
}

fn failed(target: &Target) -> impl FnOnce(BoxError) -> TelemetryError {
    let signal = target.kind.name();
    move |source| TelemetryError::Exporter { signal, source }
}

fn refused(target: &Target) -> impl FnOnce(ExporterBuildError) -> TelemetryError {
    let signal = target.kind.name();
    move |error| TelemetryError::Exporter { signal, source: error.into() }
}
