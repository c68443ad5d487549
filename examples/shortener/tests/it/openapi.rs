//! `openapi.json` describes the routes that there are.

use serde_json::json;

use crate::start;

#[test]
fn the_document_and_the_routes_agree() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    assert_eq!(service.check_openapi(include_str!("../../README.md")), (5, 5));
    service.get("/api/v1/nothing").problem(404, "ROUTE_NOT_FOUND");
    service.stop();
}

#[test]
fn the_binary_serves_the_page_and_the_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    for (path, text) in [("/", "<h1>Links</h1>"), ("/page.js", "EventSource"), ("/page.css", "body")] {
        let reply = service.get(path);
        assert!(reply.status == 200 && reply.body.contains(text), "{path}: {reply:?}");
    }
    let policy = service.get("/").header("content-security-policy").map(str::to_owned);
    assert!(policy.is_some_and(|policy| policy.contains("default-src 'none'")));
    let schemas = service.get("/openapi.json").json()["components"]["schemas"].clone();
    assert_eq!(schemas["NewLink"]["required"], json!(["url"]));
    assert_eq!(schemas["ShortLink"]["properties"]["created_at"]["format"], "date-time");
    service.stop();
}
