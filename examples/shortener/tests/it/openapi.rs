//! `openapi.json` describes the routes that there are.

use serde_json::json;
use underpin_testkit::{HttpExchange, ServiceProcess};

use crate::start;

fn status(service: &ServiceProcess, method: &str, url: &str) -> u16 {
    if method == "POST" {
        return service.post(url, &[], &json!({})).status;
    }
    // Only the status line: one of the answers never ends.
    let mut exchange = HttpExchange::begin(&service.address, method, url, &[], 0);
    exchange.line().split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn the_document_and_the_routes_agree() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let document = service.get("/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    let readme = include_str!("../../README.md");
    let mut operations = 0;
    for (path, documented) in paths {
        let url = path.replace("{shortCode}", "none");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let status = status(&service, method, &url);
            let documented = documented.get(method.to_lowercase());
            assert_eq!(status != 405, documented.is_some(), "{method} {path}: {status}");
            if let Some(documented) = documented {
                operations += 1;
                assert!(
                    documented["responses"].get(status.to_string()).is_some(),
                    "{method} {path}: {status}"
                );
                assert!(readme.contains(&format!("`{method} {path}`")), "the README lacks {method} {path}");
            }
        }
    }
    assert_eq!((paths.len(), operations), (5, 5));
    service.get("/api/v1/nothing").problem(404, "ROUTE_NOT_FOUND");
    service.stop();
}

#[test]
fn the_binary_serves_swagger_ui_and_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    for (path, text) in [
        ("/docs/", "swagger-ui"),
        ("/docs/swagger-initializer.js", "/openapi.json"),
        ("/", "<h1>Links</h1>"),
        ("/page.js", "EventSource"),
        ("/page.css", "body"),
    ] {
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
