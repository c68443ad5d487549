//! `openapi.json` describes the routes that there are.

use serde_json::json;

use crate::support::start;

#[test]
fn the_document_and_the_routes_agree() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    assert_eq!(service.check_openapi(include_str!("../../README.md")), (7, 10));
    service.get("/api/v1/nothing").problem(404, "ROUTE_NOT_FOUND");
    service.stop();
}

#[test]
fn the_document_has_the_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let schemas = service.get("/openapi.json").json()["components"]["schemas"].clone();
    assert_eq!(schemas["Announcement"]["required"], json!(["name", "size", "sha256"]));
    let file = schemas["FileRecord"]["properties"].as_object().unwrap();
    assert!(file.contains_key("created_at") && !file.contains_key("state"), "{file:?}");
    service.stop();
}
