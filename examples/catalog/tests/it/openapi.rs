//! `openapi.json` describes the routes that there are.

use serde_json::json;

use crate::support::start;

#[test]
fn the_document_and_the_routes_agree() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    assert_eq!(service.check_openapi(include_str!("../../README.md")), (3, 6));
    service.get("/api/v1/nothing").problem(404, "ROUTE_NOT_FOUND");
    service.stop();
}

#[test]
fn the_document_has_the_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let schemas = service.get("/openapi.json").json()["components"]["schemas"].clone();
    assert_eq!(schemas["Change"]["required"], json!(["name", "price_cents"]));
    assert_eq!(
        schemas["Product"]["properties"]["id"],
        json!({
            "type": "string", "format": "uuid",
            "description": "A UUID of version 7: the order of ids is the order of creation.",
        })
    );
    service.stop();
}
