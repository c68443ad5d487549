//! Calls over NATS, and their limits.

use std::sync::Arc;

use serde_json::{Value, json};
use underpin_errors::{Error, Kind};
use underpin_logger::{Context, NoopLogger};
use underpin_nats::{Connection, NatsSettings};
use underpin_rpc::nats::NatsRpc;
use underpin_rpc::{Caller as _, Endpoint, Request, RpcSettings};
use underpin_testkit::NatsServer;

use crate::start;

/// A foreign caller: JSON on a subject.
struct Client(NatsRpc);

impl Client {
    async fn connect(url: &str) -> Self {
        let settings = NatsSettings::new(url);
        let connection = Connection::connect(&settings, Arc::new(NoopLogger)).await.unwrap();
        Self(NatsRpc::new(connection, RpcSettings::default(), Arc::new(NoopLogger)).unwrap())
    }

    async fn ask(&self, client: &str, subject: &str, body: Value) -> Result<Value, Error> {
        let request =
            Request::new(Endpoint::at(subject.to_owned()), body.to_string(), &Context::background());
        let reply = self.0.call(request.header("x-client-id", client)).await?;
        Ok(serde_json::from_slice(&reply.body).unwrap())
    }

    async fn order(&self, client: &str, code: &str) -> Result<Value, Error> {
        let body = json!({"url": "https://example.org/page", "short_code": code});
        self.ask(client, "api.createOrder", body).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_make_links_and_are_limited_as_requests_are() {
    let nats = NatsServer::private().await;
    let folder = tempfile::tempdir().unwrap();
    let hour = |limit: &'static str, name| [(limit, "1h"), name];
    let create = hour("SHORTENER_LIMITS__CREATE__WINDOW", ("SHORTENER_LIMITS__CREATE__LIMIT", "2"));
    let global = hour("SHORTENER_LIMITS__GLOBAL__WINDOW", ("SHORTENER_LIMITS__GLOBAL__LIMIT", "8"));
    let service = start(folder.path(), &[&create[..], &global, &[("NATS_URL", nats.url())]].concat());
    let client = Client::connect(nats.url()).await;

    // 1 of 8.
    let link = client.order("ada", "order-1").await.unwrap();
    assert_eq!(link["short_url"], "http://localhost:8080/order-1");
    // 2: a link of one surface is a link of the other.
    assert_eq!(service.get("/order-1").header("location"), Some("https://example.org/page"));
    // 3, 4
    let data = client.ask("ada", "api.getData", json!({"short_code": "order-1"})).await.unwrap();
    assert_eq!((&data["short_code"], &data["active"]), (&json!("order-1"), &json!(true)));
    let unknown = client.ask("ada", "api.getData", json!({"short_code": "none"})).await.unwrap_err();
    assert_eq!((unknown.kind(), unknown.error_code()), (Kind::NotFound, "LINK_NOT_FOUND"));
    // 5
    let status = client.ask("ada", "api.getStatus", json!({})).await.unwrap();
    assert_eq!(status["status"], "ready");
    // 6
    client.order("ada", "order-2").await.unwrap();
    let refused = client.order("ada", "order-3").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::ResourceExhausted);
    assert!(refused.retry_delay().is_some(), "{refused:?}");
    // 7, 8: another name is another client, so an invented one helps, until the limit of all.
    for number in 0..2 {
        client.order(&format!("invented-{number}"), &format!("order-4-{number}")).await.unwrap();
    }
    let refused = client.order("invented-2", "order-5").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::ResourceExhausted);
    // Over HTTP as well: all is all.
    assert_eq!(service.get("/order-1").status, 429);
    service.stop();
}
