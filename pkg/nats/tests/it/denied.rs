//! Subjects that the permissions of the server forbid.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use underpin_nats::{AuthSettings, Connection, NatsError, Reply};
use underpin_testkit::NatsServer;

use crate::support::{connect, settings, soon};

async fn server(permissions: &str) -> (NatsServer, Connection) {
    let users =
        format!("authorization {{ users: [ {{ user: svc, password: pw, permissions: {permissions} }} ] }}");
    let server = NatsServer::private_with(&users).await;
    let auth = AuthSettings::default().user("svc").password("pw".to_owned());
    let nats = connect(&settings(&[&server]).auth(auth)).await;
    (server, nats)
}

#[tokio::test]
async fn a_forbidden_request_ends_at_once_and_others_do_not() {
    let (_server, nats) = server("{ publish: { deny: [\"*.salary.>\"] } }").await;
    let _deaf = nats.client().subscribe("deaf").await.unwrap();
    let pending = tokio::spawn({
        let nats = nats.clone();
        let until = Instant::now() + Duration::from_secs(3);
        async move { nats.request("deaf".into(), None, Bytes::new(), until).await }
    });
    let asked = Instant::now();
    let error = nats.request("a.salary.paid".into(), None, Bytes::new(), soon()).await.unwrap_err();
    assert!(matches!(error, NatsError::Unauthorized(_)) && !error.is_ambiguous(), "{error:?}");
    assert!(underpin_errors::Report(&error).to_string().contains("`a.salary.paid`"));
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert!(matches!(pending.await.unwrap(), Err(NatsError::Timeout { .. })));
}

#[tokio::test]
async fn a_batch_learns_which_subject_is_forbidden() {
    let (_server, nats) = server("{ publish: { deny: [\"no\"] } }").await;
    let mut inbox = nats.reply_inbox().await.unwrap();
    let (_, reply) = inbox.number();
    nats.publish("no".into(), Some(reply), None, Bytes::new()).await.unwrap();
    let Reply::Denied(denial) = inbox.next().await else { panic!("not denied") };
    assert!(denial.to_string().contains("publish to `no`"), "{denial}");
}

#[tokio::test]
async fn an_inbox_that_may_not_be_subscribed_ends_the_requests() {
    let (_server, nats) = server("{ publish: [\">\"], subscribe: [\"only.this\"] }").await;
    let asked = Instant::now();
    let error = nats.request("x".into(), None, Bytes::new(), soon()).await.unwrap_err();
    assert!(matches!(error, NatsError::Unauthorized(_)), "{error:?}");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}
