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
        let url = path.replace("{id}", "none").replace("{filename}", "none");
        let methods: Vec<String> =
            methods.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let headers = [("content-type", "application/json")];
            let body = if ["POST", "PUT"].contains(&method) { "{}" } else { "" };
            let reply = service.send(method, &url, &headers, body);
            let is_documented = methods.iter().any(|known| known == method);
            assert_eq!(reply.status != 405, is_documented, "{method} {path}: {reply:?}");
            if is_documented {
                operations += 1;
                let named = &document["paths"][path][method.to_lowercase()]["responses"];
                assert!(named.get(reply.status.to_string()).is_some(), "{method} {path}: {}", reply.status);
                assert!(readme.contains(&format!("`{method} {path}`")), "the README lacks {method} {path}");
            }
        }
    }
    assert_eq!((paths.len(), operations), (7, 10));
    service.get("/api/v1/nothing").problem(404, "ROUTE_NOT_FOUND");
    service.stop();
}

#[test]
fn the_binary_serves_swagger_ui() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    for (path, text) in [("/docs/", "swagger-ui"), ("/docs/swagger-initializer.js", "/openapi.json")] {
        let reply = service.get(path);
        assert!(reply.status == 200 && reply.body.contains(text), "{path}: {reply:?}");
    }
    let schemas = service.get("/openapi.json").json()["components"]["schemas"].clone();
    assert_eq!(schemas["Announcement"]["required"], json!(["name", "size", "sha256"]));
    let file = schemas["FileRecord"]["properties"].as_object().unwrap();
    assert!(file.contains_key("created_at") && !file.contains_key("state"), "{file:?}");
    service.stop();
}
