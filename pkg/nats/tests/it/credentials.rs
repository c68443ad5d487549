use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use underpin_errors::{HealthCheck, HealthStatus};
use underpin_logger::NoopLogger;
use underpin_logger::testing::CaptureLogger;
use underpin_nats::testing::MockCredentialsProvider;
use underpin_nats::{AuthSettings, Connection, Credentials, NatsError, NatsSettings};
use underpin_testkit::NatsServer;

use crate::support::{connect, eventually, settings, soon};

/// A server of which the second process knows another token.
async fn rotate(server: &NatsServer, file: &std::path::Path, token: &str) {
    std::fs::write(file, format!("authorization {{ token: {token:?} }}\n")).unwrap();
    server.kill().await;
    server.restart().await;
}

async fn server_with_token(token: &str) -> (NatsServer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.conf");
    std::fs::write(&file, format!("authorization {{ token: {token:?} }}\n")).unwrap();
    let link = folder.path().display();
    // `include` takes paths relative to the configuration file.
    let server = NatsServer::private_with(&format!("include \"{}{link}/auth.conf\"", "../".repeat(12))).await;
    (server, folder)
}

#[tokio::test]
async fn a_rotated_token_file_is_read_again_at_the_reconnect() {
    let (server, folder) = server_with_token("first-secret").await;
    let token = folder.path().join("token");
    std::fs::write(&token, "first-secret\n").unwrap();
    let nats = connect(&settings(&[&server]).auth(AuthSettings::default().token_file(&token))).await;
    std::fs::write(&token, "second-secret\n").unwrap();
    rotate(&server, &folder.path().join("auth.conf"), "second-secret").await;
    eventually("it is back", || async { nats.check().await.status == HealthStatus::Up }).await;
    assert!(nats.link().epoch >= 1);
}

#[tokio::test]
async fn refused_credentials_show_in_the_health_until_they_are_right_again() {
    let (server, folder) = server_with_token("first-secret").await;
    let token = folder.path().join("token");
    std::fs::write(&token, "first-secret").unwrap();
    let log = CaptureLogger::new();
    let settings = settings(&[&server]).auth(AuthSettings::default().token_file(&token));
    let nats = Connection::connect(&settings, Arc::new(log.clone())).await.unwrap();
    rotate(&server, &folder.path().join("auth.conf"), "second-secret").await;
    eventually("the refusal shows", || async {
        nats.check().await.reason.is_some_and(|reason| reason.contains("authorization violation"))
    })
    .await;
    std::fs::write(&token, "second-secret").unwrap();
    nats.connected(soon()).await.unwrap();
    eventually("healthy", || async { nats.check().await.status == HealthStatus::Up }).await;
    assert!(!log.to_string().contains("secret"), "{log}");
}

#[tokio::test]
async fn a_provider_is_asked_at_each_attempt() {
    let server = NatsServer::private_with("authorization { user: ada, password: lovelace }").await;
    let asked = Arc::new(AtomicUsize::new(0));
    let mut provider = MockCredentialsProvider::new();
    let counted = Arc::clone(&asked);
    provider.expect_credentials().returning(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(Credentials::Password { user: "ada".to_owned(), password: "lovelace".to_owned().into() })
    });
    let provider = Arc::new(provider);
    let nats = Connection::connect_with(&settings(&[&server]), provider, Arc::new(NoopLogger)).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    server.kill().await;
    server.restart().await;
    eventually("it was asked again", || async { asked.load(Ordering::SeqCst) > 1 && nats.link().up }).await;
}

#[tokio::test]
async fn a_provider_that_fails_ends_the_first_connect() {
    let server = NatsServer::private().await;
    let mut provider = MockCredentialsProvider::new();
    provider.expect_credentials().returning(|| Err("the vault is sealed".into()));
    let connected =
        Connection::connect_with(&settings(&[&server]), Arc::new(provider), Arc::new(NoopLogger)).await;
    let error = connected.unwrap_err();
    assert!(matches!(error, NatsError::Unauthorized(_)), "{error:?}");
    assert!(underpin_errors::Report(&error).to_string().contains("the vault is sealed"));
}

#[tokio::test]
async fn a_password_file_and_a_url_authenticate_too() {
    let server = NatsServer::private_with("authorization { user: ada, password: lovelace }").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "lovelace\n").unwrap();
    connect(&settings(&[&server]).auth(AuthSettings::default().user("ada").password_file(file))).await;
    let url = server.url().replace("nats://", "nats://ada:lovelace@");
    connect(&NatsSettings::new(url)).await;
    let token = NatsServer::private_with("authorization { token: open-sesame }").await;
    connect(&NatsSettings::new(token.url().replace("nats://", "nats://open-sesame@"))).await;
}

#[tokio::test]
async fn a_wrong_password_ends_the_connect_at_once_and_is_in_no_text() {
    let server = NatsServer::private_with("authorization { user: ada, password: lovelace }").await;
    let auth = AuthSettings::default().user("ada").password("babbage".to_owned());
    let settings = settings(&[&server]).auth(auth).connect_timeout(Duration::from_secs(60));
    let error = Connection::connect(&settings, Arc::new(NoopLogger)).await.unwrap_err();
    assert!(matches!(error, NatsError::Unauthorized(_)), "{error:?}");
    assert!(!format!("{error:?} {settings:?}").contains("babbage"));
}

#[cfg(feature = "nkeys")]
#[tokio::test]
async fn an_nkey_authenticates() {
    // The pair of the NATS documentation: public by design.
    const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    let users = format!("authorization {{ users: [ {{ nkey: {PUBLIC} }} ] }}");
    let server = NatsServer::private_with(&users).await;
    connect(&settings(&[&server]).auth(AuthSettings::default().nkey_seed(SEED.to_owned()))).await;
}
