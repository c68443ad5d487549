//! `openapi.json` describes the routes that there are.

use serde_json::{Value, json};

use crate::start;

#[test]
fn the_document_and_the_routes_agree() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    assert_eq!(service.check_openapi(include_str!("../../README.md")), (7, 9));
    service.get("/api/v1/nothing").problem(404, "ROUTE_NOT_FOUND");
    service.stop();
}

#[test]
fn the_binary_serves_the_page_and_the_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    for (path, text) in [("/", "<h1>Jobs</h1>"), ("/page.js", "EventSource")] {
        let reply = service.get(path);
        assert!(reply.status == 200 && reply.body.contains(text), "{path}: {reply:?}");
    }
    let policy = service.get("/").header("content-security-policy").map(str::to_owned);
    assert!(policy.is_some_and(|policy| policy.contains("default-src 'none'")));
    let schemas: Value = service.get("/openapi.json").json()["components"]["schemas"].clone();
    assert_eq!(schemas["Payment"]["required"], json!(["user_id", "subscription_id", "amount"]));
    service.stop();
}
