//! rpc and HTTP agree, also in what they refuse. On PostgreSQL with checked SQL, and NATS.

use std::sync::Arc;

use catalog::rpc::{CREATE, DELETE, GET, LIST, ProductId, UPDATE, UpdateProduct};
use catalog::{PageQuery, Product};
use serde_json::{Value, json};
use underpin_errors::Error;
use underpin_logger::{Context, Logger, NoopLogger};
use underpin_nats::{Connection, NatsSettings};
use underpin_rpc::nats::NatsRpc;
use underpin_rpc::{CallerExt as _, RpcError, RpcSettings};
use underpin_testkit::{HttpReply, NatsServer, PostgresDatabase};

use crate::support::{start, tea};

async fn caller(nats: &NatsServer) -> NatsRpc {
    let log: Arc<dyn Logger> = Arc::new(NoopLogger);
    let connection = Connection::connect(&NatsSettings::new(nats.url()), Arc::clone(&log)).await.unwrap();
    NatsRpc::new(connection, RpcSettings::default(), log).unwrap()
}

/// Status and code of a refusal are the same on both ways.
fn agree<A: std::fmt::Debug>(call: Result<A, RpcError>, reply: &HttpReply) {
    let error = Error::from(call.unwrap_err());
    let problem = reply.problem(error.http_status(), error.error_code());
    assert_eq!(problem["detail"], error.public_message());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_writes_the_other_reads() {
    let (database, nats) = (PostgresDatabase::fresh().await, NatsServer::private().await);
    let folder = tempfile::tempdir().unwrap();
    let variables = [("DATABASE_URL", database.url()), ("NATS_URL", nats.url()), ("CATALOG_STORAGE", "sql")];
    let service = start(folder.path(), &variables);
    let (rpc, ctx) = (caller(&nats).await, Context::background());
    let body = |value: &Value, key: &str| serde_json::from_value::<Product>(value[key].clone()).unwrap();

    let created = rpc.ask(&CREATE, &ctx, &tea(350)).await.unwrap();
    let (id, path) = (created.id.to_string(), format!("/api/v1/products/{}", created.id));
    assert_eq!(body(&service.get(&path).json(), "product"), created);
    let put =
        |body: &Value| service.send("PUT", &path, &[("content-type", "application/json")], &body.to_string());
    let updated = put(&json!({"name": "tea", "price_cents": 400, "version": 1}));
    let updated: Product = serde_json::from_str(&updated.body).unwrap();
    let named = ProductId { id: id.clone() };
    assert_eq!(rpc.ask(&GET, &ctx, &named).await.unwrap().product, updated);
    let page = rpc.ask(&LIST, &ctx, &PageQuery::new(10, None)).await.unwrap();
    assert_eq!((page.products, page.next_cursor), (vec![updated], None));
    assert_eq!(service.get("/api/v1/products?limit=10").json()["products"].as_array().unwrap().len(), 1);

    let stale = UpdateProduct { id, product: tea(1).of_version(1) };
    agree(
        rpc.ask(&UPDATE, &ctx, &stale).await,
        &put(&json!({"name": "tea", "price_cents": 1, "version": 1})),
    );
    let invalid = service.post("/api/v1/products", &[], &json!({"name": "tea", "price_cents": -1}));
    agree(rpc.ask(&CREATE, &ctx, &tea(-1)).await, &invalid);
    agree(rpc.ask(&LIST, &ctx, &PageQuery::new(0, None)).await, &service.get("/api/v1/products?limit=0"));
    rpc.ask(&DELETE, &ctx, &named).await.unwrap();
    agree(rpc.ask(&GET, &ctx, &named).await, &service.get(&path));
    agree(rpc.ask(&DELETE, &ctx, &named).await, &service.send("DELETE", &path, &[], ""));
    agree(rpc.ask(&GET, &ctx, &ProductId { id: "none".into() }).await, &service.get("/api/v1/products/none"));
    service.stop();
}
