//! Encryption and keys on a real server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use support::{connect, event, settings};
use underpin_events::jetstream::JetStream;
use underpin_events::{EventPublisher, EventsError};
use underpin_logger::NoopLogger;
use underpin_testkit::NatsServer;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

async fn tls_server() -> NatsServer {
    let (cert, key) = (fixture("server.pem"), fixture("server.key"));
    NatsServer::private_with(&format!("tls {{ cert_file: {cert:?}, key_file: {key:?} }}")).await
}

#[tokio::test]
async fn tls_with_an_own_certificate_authority() {
    let server = tls_server().await;
    let mut trusting = settings(&server);
    trusting.tls.required = true;
    trusting.tls.ca_file = Some(fixture("ca.pem"));
    connect(&trusting).await.publish(event(1)).await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let server = tls_server().await;
    let mut distrusting = settings(&server);
    distrusting.tls.required = true;
    distrusting.connect_timeout = Duration::from_secs(2);
    let error = JetStream::connect(&distrusting, Arc::new(NoopLogger)).await.expect_err("refused");
    assert!(matches!(error, EventsError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_when_tls_is_required() {
    let server = NatsServer::private().await;
    let mut careful = settings(&server);
    careful.tls.required = true;
    careful.connect_timeout = Duration::from_secs(2);
    let error = JetStream::connect(&careful, Arc::new(NoopLogger)).await.expect_err("refused");
    assert!(matches!(error, EventsError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn user_and_password_are_checked_once() {
    let server = NatsServer::private_with("authorization { user: ada, password: lovelace }").await;
    let mut user = settings(&server);
    user.auth.user = Some("ada".to_owned());
    user.auth.password = Some("babbage".into());
    let error = JetStream::connect(&user, Arc::new(NoopLogger)).await.expect_err("refused");
    assert!(matches!(error, EventsError::Unauthorized(_)), "{error:?}");
    user.auth.password = Some("lovelace".into());
    connect(&user).await.publish(event(1)).await.unwrap();
}

/// The pair of the NATS documentation: public by design.
#[cfg(feature = "nkeys")]
#[tokio::test]
async fn an_nkey_authenticates() {
    const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    let server =
        NatsServer::private_with(&format!("authorization {{ users: [ {{ nkey: {PUBLIC} }} ] }}")).await;
    let mut keyed = settings(&server);
    keyed.auth.nkey_seed = Some(SEED.into());
    connect(&keyed).await.publish(event(1)).await.unwrap();
}

#[cfg(not(feature = "nkeys"))]
#[tokio::test]
async fn an_nkey_without_its_feature_is_an_error_that_names_it() {
    let mut settings = underpin_events::jetstream::JetStreamSettings::new("nats://127.0.0.1:1");
    settings.auth.nkey_seed = Some("SU".into());
    let error = settings.check().expect_err("refused");
    assert!(error.to_string().contains("nkeys"), "{error}");
}
