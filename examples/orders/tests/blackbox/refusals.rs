//! Whatever a caller sends, the answer is a problem that names each wrong field, and the service goes on.

use serde_json::json;

use super::service;
use super::support::{Reply, Service, tea};

const JSON: (&str, &str) = ("content-type", "application/json");

fn refused(service: &Service, body: &str) -> Reply {
    let reply = service.send("POST", "/orders", &[JSON], body);
    assert_eq!(service.get("/stats").status, 200, "the service goes on after {body:.80}");
    reply
}

#[test]
fn a_wrong_body_names_each_field() {
    let (_folder, service) = service();
    for (body, code, places) in [
        (r"{", "INVALID_JSON", vec!["#"]),
        ("", "INVALID_JSON", vec!["#"]),
        (r"[]", "INVALID_ORDER", vec!["#"]),
        (r"{}", "INVALID_ORDER", vec!["#/customer", "#/items"]),
        (r#"{"customer":"ada","items":[]}"#, "INVALID_ORDER", vec!["#/items"]),
        (
            r#"{"customer":"","items":[{"sku":"tea","quantity":-2,"unit_price_cents":350},{"sku":"","quantity":0,"unit_price_cents":"1"}],"coupon":1}"#,
            "INVALID_ORDER",
            vec![
                "#/customer",
                "#/items/0/quantity",
                "#/items/1/sku",
                "#/items/1/quantity",
                "#/items/1/unit_price_cents",
                "#/coupon",
            ],
        ),
        (
            r#"{"customer":"ada","items":[{"sku":"tea","quantity":1.5,"unit_price_cents":350,"discount":1}]}"#,
            "INVALID_ORDER",
            vec!["#/items/0/quantity", "#/items/0/discount"],
        ),
        (
            r#"{"customer":"ada","items":[{"sku":"tea","quantity":2,"unit_price_cents":9223372036854775807}]}"#,
            "INVALID_ORDER",
            vec!["#/items/0/unit_price_cents"],
        ),
        (
            r#"{"customer":"ada","items":[{"sku":"tea","quantity":99999999999999999999999,"unit_price_cents":1}]}"#,
            "INVALID_ORDER",
            vec!["#/items/0/quantity"],
        ),
        (
            r#"{"customer":"ada","items":[{"sku":"tea","quantity":1000000,"unit_price_cents":1000000000000}]}"#,
            "INVALID_ORDER",
            vec!["#/items"],
        ),
        (
            r#"{"customer":"a\u0000","items":[{"sku":"tea","quantity":1,"unit_price_cents":1}]}"#,
            "INVALID_ORDER",
            vec!["#/customer"],
        ),
    ] {
        let reply = refused(&service, body);
        reply.problem(400, code);
        assert_eq!(reply.places(), places, "{body}");
    }
    assert_eq!(service.get("/orders").json()["orders"], json!([]), "nothing of all this was stored");
    service.stop();
}

#[test]
fn a_body_over_the_limit_or_of_another_type_is_refused() {
    let (_folder, service) = service();
    refused(&service, &format!("\"{}\"", "x".repeat(200_000))).problem(413, "BODY_TOO_LARGE");
    refused(&service, &"[".repeat(60_000)).problem(400, "INVALID_JSON");
    let body = tea("ada").to_string();
    for headers in [&[("content-type", "application/x-www-form-urlencoded")][..], &[]] {
        let reply = service.send("POST", "/orders", headers, &body);
        reply.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let reply = service.send("POST", "/orders", &[JSON, ("content-encoding", "gzip")], &body);
    reply.problem(415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(reply.places(), ["content-encoding"]);
    service.stop();
}

#[test]
fn an_unknown_order_route_or_method_is_a_problem() {
    let (_folder, service) = service();
    for id in ["0198c0de-0000-7000-8000-000000000000", "nope", "%F0%9F%8D%B5", "1'--"] {
        service.get(&format!("/orders/{id}")).problem(404, "ORDER_NOT_FOUND");
    }
    assert_eq!(service.get("/orders/%ff").status, 400);
    service.get("/nowhere").problem(404, "ROUTE_NOT_FOUND");
    for (method, path) in [("DELETE", "/orders"), ("POST", "/stats"), ("PUT", "/orders/nope")] {
        let reply = service.send(method, path, &[], "");
        reply.problem(405, "METHOD_NOT_ALLOWED");
        assert!(reply.header("allow").is_some_and(|allow| allow.contains("GET")), "{reply:?}");
    }
    service.stop();
}

#[test]
fn a_wrong_query_or_header_names_each_parameter() {
    let (_folder, service) = service();
    for (query, places) in [
        ("limit=0", vec!["limit"]),
        ("limit=1000&cursor=nonsense&customer=", vec!["limit", "cursor", "customer"]),
        ("customer=a%00b", vec!["customer"]),
        ("page=2", vec!["page"]),
        ("limit=1&limit=2", vec!["limit"]),
    ] {
        let reply = service.get(&format!("/orders?{query}"));
        reply.problem(400, "INVALID_QUERY");
        assert_eq!(reply.places(), places, "{query}");
    }
    let long = "k".repeat(256);
    for key in ["", &long] {
        let reply = service.post("/orders", &[("idempotency-key", key)], &tea("ada"));
        reply.problem(400, "INVALID_IDEMPOTENCY_KEY");
        assert_eq!(reply.places(), ["Idempotency-Key"]);
    }
    service.stop();
}

#[test]
fn a_large_request_does_not_get_a_larger_answer() {
    let (_folder, service) = service();
    let many: String = (0..7000).map(|index| format!("&a{index}=1")).collect();
    let reply = service.get(&format!("/orders?{}", &many[1..]));
    reply.problem(400, "INVALID_QUERY");
    assert_eq!(reply.json()["errors"][99]["detail"], "and 6901 more");
    assert!(reply.body.len() < 16_000, "{}", reply.body.len());
    let key = format!("{{\"{}\":1}}", "k".repeat(60_000));
    let reply = refused(&service, &key);
    reply.problem(400, "INVALID_ORDER");
    assert!(reply.body.len() < 2000, "{}", reply.body.len());
    service.stop();
}
