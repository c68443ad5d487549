//! The operations over HTTP, with their refusals and their trail.

use serde_json::json;

use crate::support::{create, start, update};

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn a_product_lives_and_its_trail_stays() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[("LOG_LEVEL", "debug")]);
    let path = create(&service, "tea", 350);
    let found = service.get(&path).json();
    assert_eq!(found["product"]["version"], 1);
    service.get_until(&path, |reply| reply.json()["from_cache"] == true);
    service.log.wait_for("the recipe's lines", |line| line["msg"] == "cache hit");
    assert_eq!(update(&service, &path, 400)["version"], 2);
    let found = service.get(&path).json();
    assert_eq!((&found["product"]["price_cents"], &found["product"]["version"]), (&json!(400), &json!(2)));
    assert_eq!(service.send("DELETE", &path, &[("x-request-id", "del-1")], "").status, 204);
    service.get(&path).problem(404, "PRODUCT_NOT_FOUND");
    service.send("DELETE", &path, &[], "").problem(404, "PRODUCT_NOT_FOUND");

    let trail = service.get(&format!("{path}/history")).json();
    let entries = trail["entries"].as_array().unwrap();
    let actions: Vec<_> =
        entries.iter().map(|e| (e["action"].clone(), e["product"]["version"].clone())).collect();
    assert_eq!(json!(actions), json!([["deleted", 3], ["updated", 2], ["created", 1]]));
    assert_eq!(entries[0]["request_id"], "del-1");
    assert_eq!(entries[2]["product"]["price_cents"], 350);
    let older = service.get(&format!("{path}/history?before=2")).json();
    assert_eq!(older["entries"].as_array().unwrap().len(), 1);
    service.stop();
}

#[test]
fn an_update_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let path = create(&service, "tea", 1);
    let put = |version: i64| {
        let body = json!({"name": "tea", "price_cents": 2, "version": version}).to_string();
        service.send("PUT", &path, &[JSON], &body)
    };
    assert_eq!(put(1).json()["version"], 2);
    let refused = put(1);
    refused.problem(409, "VERSION_CONFLICT");
    assert!(refused.body.contains("version 2"), "{refused:?}");
    let entries = service.get(&format!("{path}/history")).json()["entries"].as_array().unwrap().len();
    assert_eq!(entries, 2, "what was refused left nothing");
    service.stop();
}

#[test]
fn what_is_no_product_is_refused_with_every_field() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let refused = service.post("/api/v1/products", &[], &json!({"name": "", "price_cents": -1}));
    refused.problem(400, "INVALID_PRODUCT");
    assert_eq!(refused.places(), ["#/name", "#/price_cents"]);
    let versioned = json!({"name": "tea", "price_cents": 1, "version": 1});
    service.post("/api/v1/products", &[], &versioned).problem(400, "INVALID_PRODUCT");
    assert_eq!(service.post("/api/v1/products", &[], &json!({"name": "tea", "price": 1})).status, 400);
    service.get("/api/v1/products/none").problem(404, "PRODUCT_NOT_FOUND");
    service.get("/api/v1/products/none/history").problem(404, "PRODUCT_NOT_FOUND");
    service.stop();
}
