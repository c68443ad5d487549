//! Encryption, keys, credentials and domains on a real server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{HandlerCounts, LIMIT, connect, event, eventually, options, settings};
use underpin_events::jetstream::{JetStream, TopologyMode};
use underpin_events::{DeadLetterQueue, EventPublisher, EventSubscriber, EventsError, Outcome, handler_fn};
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

#[tokio::test]
async fn a_token_authenticates_and_is_in_no_message() {
    let server = NatsServer::private_with("authorization { token: open-sesame }").await;
    let mut with_token = settings(&server);
    with_token.auth.token = Some("close-sesame".into());
    let error = JetStream::connect(&with_token, Arc::new(NoopLogger)).await.expect_err("refused");
    assert!(matches!(error, EventsError::Unauthorized(_)), "{error:?}");
    assert!(!format!("{error:?} {with_token:?}").contains("sesame"));
    with_token.auth.token = Some("open-sesame".into());
    connect(&with_token).await.publish(event(1)).await.unwrap();
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

/// Decentralised authentication: the server knows an operator and an account, and takes every user that the account signed.
#[cfg(feature = "nkeys")]
mod decentralised {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use nkeys::KeyPair;
    use serde_json::{Value, json};

    use super::*;

    struct Authority {
        account: KeyPair,
        server: NatsServer,
    }

    impl Authority {
        async fn start() -> Self {
            let (operator, account, system) =
                (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
            let limits = json!({
                "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
                "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
            });
            let of_account = |key: &KeyPair, limits: &Value| {
                token(&operator, key, &json!({"type": "account", "version": 2, "limits": limits}))
            };
            let mut without_jetstream = limits.clone();
            for limit in ["mem_storage", "disk_storage", "streams", "consumer"] {
                without_jetstream[limit] = json!(0);
            }
            let config = format!(
                "operator: {}\nsystem_account: {system}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {system}: {} }}",
                token(&operator, &operator, &json!({"type": "operator", "version": 2})),
                account.public_key(),
                of_account(&account, &limits),
                of_account(&system, &without_jetstream),
                system = system.public_key(),
            );
            let server = NatsServer::private_with(&config).await;
            Self { account, server }
        }

        /// What `nsc generate creds` writes for a user that this key signed.
        fn credentials(&self, signer: &KeyPair) -> String {
            let user = KeyPair::new_user();
            let limits = json!({"type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1});
            let seed = user.seed().unwrap();
            format!(
                "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
                 -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n",
                token(signer, &user, &limits)
            )
        }
    }

    /// A JWT with the claims of NATS (nats-io/jwt, version 2).
    fn token(signer: &KeyPair, subject: &KeyPair, nats: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(&json!({"typ": "JWT", "alg": "ed25519-nkey"}));
        let (issuer, subject) = (signer.public_key(), subject.public_key());
        let body = json!({"jti": subject, "iat": 1_790_000_000, "iss": issuer, "name": "test", "sub": subject, "nats": nats});
        let signed = format!("{head}.{}", part(&body));
        let signature = URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes()).unwrap());
        format!("{signed}.{signature}")
    }

    #[tokio::test]
    async fn a_credentials_file_authenticates_and_so_does_its_text() {
        let authority = Authority::start().await;
        let text = authority.credentials(&authority.account);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("user.creds");
        std::fs::write(&path, &text).unwrap();
        let mut by_file = settings(&authority.server);
        by_file.auth.credentials_file = Some(path);
        connect(&by_file).await.publish(event(1)).await.unwrap();
        let mut by_text = settings(&authority.server);
        by_text.auth.credentials = Some(text.into());
        assert!(connect(&by_text).await.publish(event(1)).await.unwrap().duplicate);
    }

    #[tokio::test]
    async fn credentials_of_another_account_or_none_are_refused_at_once() {
        let authority = Authority::start().await;
        let mut foreign = settings(&authority.server);
        foreign.auth.credentials = Some(authority.credentials(&KeyPair::new_account()).into());
        for refused in [foreign, settings(&authority.server)] {
            let error = JetStream::connect(&refused, Arc::new(NoopLogger)).await.expect_err("refused");
            assert!(matches!(error, EventsError::Unauthorized(_)), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_credentials_file_that_is_missing_or_no_credentials_says_so_without_its_text() {
        let server = NatsServer::private().await;
        let mut missing = settings(&server);
        missing.auth.credentials_file = Some("/nonexistent/user.creds".into());
        let mut garbage = settings(&server);
        garbage.auth.credentials = Some("SUAMNOTASEED".into());
        for wrong in [missing, garbage] {
            let error = JetStream::connect(&wrong, Arc::new(NoopLogger)).await.expect_err("refused");
            assert!(matches!(error, EventsError::Unauthorized(_)), "{error:?}");
            assert!(!format!("{error:?} {}", underpin_errors::Report(&error)).contains("SUAMNOTASEED"));
        }
    }
}

/// A hub with JetStream, and a leaf whose JetStream is another domain: a client of the leaf reaches the hub's streams.
#[tokio::test]
async fn a_client_of_a_leaf_uses_the_domain_of_the_hub() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let hub = format!(
        "server_name: hub\njetstream {{ domain: hub }}\nleafnodes {{ listen: \"127.0.0.1:{port}\" }}"
    );
    let hub = NatsServer::private_with(&hub).await;
    let leaf = format!(
        "server_name: leaf\njetstream {{ domain: edge }}\nleafnodes {{ remotes: [ {{ url: \"nats-leaf://127.0.0.1:{port}\" }} ] }}"
    );
    let leaf = NatsServer::private_with(&leaf).await;

    let mut remote = settings(&leaf);
    remote.domain = Some("hub".to_owned());
    let limit = LIMIT;
    // The leaf finds its hub a moment after it is there itself.
    eventually(limit, "the leaf is connected to its hub", || async {
        Box::pin(JetStream::connect(&remote, Arc::new(NoopLogger))).await.is_ok()
    })
    .await;
    let bus = connect(&remote).await;
    let counts = HandlerCounts::default();
    let failing = handler_fn(|_| async { Outcome::dead_letter("no") });
    let subscription = bus.subscribe(options("far"), counts.handler()).await.unwrap();
    let given_up = bus.subscribe(options("failing"), failing).await.unwrap();
    for n in 0..100 {
        bus.publish(event(n)).await.unwrap();
    }
    eventually(limit, "all arrive and are confirmed", || async {
        let (done, gave_up) = (subscription.lag().await, given_up.lag().await);
        counts.distinct() == 100
            && done.is_ok_and(|lag| lag.is_zero())
            && gave_up.is_ok_and(|lag| lag.is_zero())
    })
    .await;
    assert_eq!(counts.total(), 100);
    assert_eq!(bus.list(0, 1000).await.unwrap().len(), 100);
    bus.replay(1).await.unwrap();

    // What the hub stored is in the hub, and the leaf's own domain has none of it.
    let mut direct = settings(&hub);
    direct.topology = TopologyMode::Verify;
    assert!(connect(&direct).await.publish(event(1)).await.unwrap().duplicate);
    let mut own = settings(&leaf);
    own.topology = TopologyMode::Verify;
    let error = JetStream::connect(&own, Arc::new(NoopLogger)).await.expect_err("no such stream");
    assert!(matches!(error, EventsError::Drift { .. }), "{error:?}");
}

#[tokio::test]
async fn a_domain_that_nobody_has_is_an_error_in_time() {
    let server = NatsServer::private_with("jetstream { domain: hub }").await;
    let mut lost = settings(&server);
    lost.domain = Some("nowhere".to_owned());
    let attempt = JetStream::connect(&lost, Arc::new(NoopLogger));
    let error = tokio::time::timeout(LIMIT, attempt).await.expect("in time").expect_err("no such domain");
    assert!(error.is_retryable(), "{error:?}");
    lost.domain = Some("hub".to_owned());
    connect(&lost).await.publish(event(1)).await.unwrap();
}

#[cfg(not(feature = "nkeys"))]
#[tokio::test]
async fn an_nkey_without_its_feature_is_an_error_that_names_it() {
    let mut settings = underpin_events::jetstream::JetStreamSettings::new("nats://127.0.0.1:1");
    settings.auth.nkey_seed = Some("SU".into());
    let error = settings.check().expect_err("refused");
    assert!(error.to_string().contains("nkeys"), "{error}");
}
