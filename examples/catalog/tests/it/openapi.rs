//! `openapi.json` describes the routes that there are.

use serde_json::json;

use crate::support::start;

#[test]
fn the_document_and_the_routes_agree() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let document = service.get("/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    let readme = include_str!("../../README.md");
    let mut operations = 0;
    for (path, methods) in paths {
        let url = path.replace("{id}", "none");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let body = if matches!(method, "POST" | "PUT") { "{}" } else { "" };
            let reply = service.send(method, &url, &[("content-type", "application/json")], body);
            let documented = methods.get(method.to_lowercase());
            assert_eq!(reply.status != 405, documented.is_some(), "{method} {path}: {reply:?}");
            if let Some(operation) = documented {
                operations += 1;
                let named = operation["responses"].get(reply.status.to_string());
                assert!(named.is_some(), "{method} {path}: {}", reply.status);
                assert!(readme.contains(&format!("`{method} {path}`")), "the README lacks {method} {path}");
            }
        }
    }
    assert_eq!((paths.len(), operations), (3, 6));
    service.get("/api/v1/nothing").problem(404, "ROUTE_NOT_FOUND");
    service.stop();
}

#[test]
fn the_binary_serves_swagger_ui_and_its_document() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    for (path, text) in [("/docs/", "swagger-ui"), ("/docs/swagger-initializer.js", "/openapi.json")] {
        let reply = service.get(path);
        assert!(reply.status == 200 && reply.body.contains(text), "{path}: {reply:?}");
    }
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
