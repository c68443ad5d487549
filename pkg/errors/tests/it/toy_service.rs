//! A small axum service, and its answers to invalid requests.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Router, extract::Request};
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use underpin_errors::axum::{
    Json, Path, Query, attach_request_id, method_not_allowed, panicked, plain_errors_to_problems,
    route_not_found, stamp_request_id,
};
use underpin_errors::{Error, Health, HealthCheck, HealthChecks, HealthReport, Kind, ResultExt as _};

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    customer: String,
    items: Vec<Item>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Item {
    sku: String,
    quantity: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: u8,
}

async fn place(Json(order): Json<NewOrder>) -> Result<(StatusCode, Json<NewOrder>), Error> {
    validate(&order)?;
    Ok((StatusCode::CREATED, Json(order)))
}

fn validate(order: &NewOrder) -> Result<(), Error> {
    let mut error = Error::bad_request("the order is not valid").code("ORDER_INVALID");
    if order.items.is_empty() {
        error = error.violation("items", "must not be empty");
    }
    for (index, item) in order.items.iter().enumerate() {
        if item.quantity == 0 {
            error = error.violation(format!("items[{index}].quantity"), "must be at least 1");
        }
    }
    if error.violations().is_empty() { Ok(()) } else { Err(error) }
}

async fn find(Path(id): Path<u64>) -> Result<String, Error> {
    Err(Error::not_found(format!("no order {id}")).code("ORDER_NOT_FOUND"))
}

async fn line(Path((_order, _line)): Path<(u64, u16)>) {}

#[derive(Clone, Debug)]
struct Sku;

impl<'de> Deserialize<'de> for Sku {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("a sku has three letters"))
    }
}

async fn sku(Path(_): Path<Sku>) {}

async fn sku_body(Json(_): Json<Vec<Sku>>) {}

async fn skus(Path(_): Path<(Sku, Sku)>) {}

/// axum rejects this one by itself, in plain text, with the name of the type.
async fn broken(_: axum::Extension<Sku>) {}

async fn ready() -> HealthReport {
    struct Database;
    #[async_trait::async_trait]
    impl HealthCheck for Database {
        fn name(&self) -> &str {
            "database"
        }
        async fn check(&self) -> Health {
            Health::down("refused").detail("waiting", 3)
        }
    }
    HealthChecks::new().with(Arc::new(Database)).run().await
}

async fn list(Query(page): Query<Page>) -> String {
    page.limit.to_string()
}

async fn ledger() -> Result<(), Error> {
    std::fs::read("/nowhere/s3cr3t").wrap_err(Kind::Unavailable, "read the ledger of s3cr3t").map_err(
        |error| {
            error
                .retry_after(Duration::from_millis(1500))
                .violation("s3cr3t", "s3cr3t")
                .detail("s3cr3t", "s3cr3t")
        },
    )?;
    Ok(())
}

/// Stands in for the request layer of the logger.
async fn set_request_id(mut response: Response) -> Response {
    response.headers_mut().insert("x-request-id", "req-7".parse().unwrap());
    response
}

fn service() -> Router {
    Router::new()
        .route("/orders", post(place).get(list))
        .route("/orders/{id}", get(find))
        .route("/orders/{order}/lines/{line}", get(line))
        .route("/ledger", get(ledger))
        .route("/skus/{sku}", get(sku).post(sku_body))
        .route("/skus/{from}/{to}", get(skus))
        .route("/broken", get(broken))
        .route("/mismatch/{order}/{line}", get(find))
        .route("/ready", get(ready))
        .fallback(route_not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(1000))
        .layer(map_response(plain_errors_to_problems))
        .layer(map_response(set_request_id))
        .layer(map_response(stamp_request_id))
}

struct Answer {
    status: u16,
    response: http::response::Parts,
    body: Value,
}

async fn send(request: Request) -> Answer {
    let (response, body) = service().oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status: response.status.as_u16(), response, body }
}

async fn fetch(uri: &str) -> Answer {
    send(Request::get(uri).body(Body::empty()).unwrap()).await
}

async fn order(body: impl Into<Body>) -> Answer {
    send(Request::post("/orders").header("content-type", "application/json").body(body.into()).unwrap()).await
}

impl Answer {
    fn response_of(self) -> Response {
        Response::from_parts(self.response, Body::empty())
    }

    fn violation(&self) -> (&str, &str) {
        let violation = &self.body["errors"][0];
        let place = violation.get("pointer").or(violation.get("parameter")).or(violation.get("header"));
        (place.unwrap().as_str().unwrap(), violation["detail"].as_str().unwrap())
    }
}

#[tokio::test]
async fn a_good_order_passes() {
    let order = json!({"customer": "ada", "items": [{"sku": "tea", "quantity": 2}]});
    let answer = self::order(order.to_string()).await;
    assert_eq!((answer.status, answer.body), (201, order));
}

#[tokio::test]
async fn a_not_found_is_a_problem_with_code_request_id_and_the_error_for_the_log() {
    let answer = fetch("/orders/42").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.response.headers["content-type"], "application/problem+json");
    assert_eq!(
        answer.body,
        json!({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no order 42",
               "code": "ORDER_NOT_FOUND", "request_id": "req-7"})
    );
    assert_eq!(answer.response.headers["content-length"], answer.body.to_string().len().to_string());
    let error: &Arc<Error> = answer.response.extensions.get().unwrap();
    assert_eq!(error.report().to_string(), "no order 42");
}

#[tokio::test]
async fn a_5xx_shows_nothing_of_its_text_and_says_when_to_come_back() {
    let answer = fetch("/ledger").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.response.headers["retry-after"], "2");
    assert_eq!((&answer.body["retry_after"], &answer.body["request_id"]), (&json!(2), &json!("req-7")));
    assert!(!answer.body.to_string().contains("s3cr3t"));
    let error: &Arc<Error> = answer.response.extensions.get().unwrap();
    assert!(error.report().to_string().starts_with("read the ledger of s3cr3t: No such file"));
}

#[tokio::test]
async fn a_wrong_body_names_the_field() {
    let item =
        |item: Value| json!({"customer": "ada", "items": [{"sku": "tea", "quantity": 1}, item]}).to_string();
    for (body, pointer, detail) in [
        (item(json!({"sku": "tea"})), "#/items/1/quantity", "is required"),
        (
            item(json!({"sku": "tea", "quantity": -1})),
            "#/items/1/quantity",
            "expected a whole number from 0 to 4294967295",
        ),
        (
            item(json!({"sku": "tea", "quantity": "s3cr3t"})),
            "#/items/1/quantity",
            "expected a whole number from 0 to 4294967295",
        ),
        (
            item(json!({"sku": "tea", "quantity": 1e99})),
            "#/items/1/quantity",
            "expected a whole number from 0 to 4294967295",
        ),
        (
            item(json!({"sku": "tea", "quantity": 1, "~colour/x": 1})),
            "#/items/1/~0colour~1x",
            "is not a known field, expected `sku` or `quantity`",
        ),
        (r#"{"customer": "a", "customer": "b"}"#.to_owned(), "#/customer", "is given more than once"),
        (r#"{"items": []}"#.to_owned(), "#/customer", "is required"),
        (r#"{"customer": null, "items": []}"#.to_owned(), "#/customer", "expected a string"),
        ("[]".to_owned(), "#", "expected an object"),
        ("7".to_owned(), "#", "expected an object"),
    ] {
        let answer = order(body.clone()).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("INVALID_BODY")), "{body}");
        assert_eq!(answer.violation(), (pointer, detail), "{body}");
        assert!(!answer.body.to_string().contains("s3cr3t"));
    }
}

#[tokio::test]
async fn a_type_of_the_service_explains_itself_without_line_and_column() {
    let request = Request::post("/skus/x").header("content-type", "application/json").body(Body::from("[1]"));
    let answer = send(request.unwrap()).await;
    assert_eq!(answer.violation(), ("#/0", "a sku has three letters"));
}

#[tokio::test]
async fn the_domain_names_every_field_at_once() {
    let body =
        json!({"customer": "ada", "items": [{"sku": "a", "quantity": 0}, {"sku": "b", "quantity": 0}]});
    let answer = order(body.to_string()).await;
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!("ORDER_INVALID")));
    assert_eq!(
        answer.body["errors"],
        json!([{"detail": "must be at least 1", "pointer": "#/items/0/quantity"},
               {"detail": "must be at least 1", "pointer": "#/items/1/quantity"}])
    );
}

#[tokio::test]
async fn a_syntax_error_gives_line_and_column() {
    for (body, detail) in [
        (r#"{"customer": }"#, "expected value at line 1 column 14"),
        ("", "EOF while parsing a value at line 1 column 0"),
        (r#"{"customer": "a", "items": []} x"#, "trailing characters at line 1 column 32"),
    ] {
        let answer = order(body).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("INVALID_JSON")), "{body}");
        assert_eq!(answer.violation(), ("#", detail));
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_a_wrong_content_type_is_415() {
    let answer = order("x".repeat(1001)).await;
    assert_eq!((answer.status, &answer.body["code"]), (413, &json!("BODY_TOO_LARGE")));
    for coding in ["gzip", "identity, br", "x"] {
        let request = Request::post("/orders").header("content-type", "application/json");
        let answer = send(request.header("content-encoding", coding).body(Body::from("{}")).unwrap()).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (415, &json!("UNSUPPORTED_MEDIA_TYPE")),
            "{coding}"
        );
        assert_eq!(answer.violation(), ("content-encoding", "expected none"));
    }
    let request = Request::post("/orders").header("content-type", "application/json");
    let answer = send(request.header("content-encoding", "Identity").body(Body::from("{}")).unwrap()).await;
    assert_eq!(answer.body["code"], json!("INVALID_BODY"));
    let answer = send(Request::post("/orders").body(Body::from("{}")).unwrap()).await;
    assert_eq!((answer.status, &answer.body["code"]), (415, &json!("UNSUPPORTED_MEDIA_TYPE")));
    assert_eq!(answer.violation(), ("content-type", "expected application/json"));
}

#[tokio::test]
async fn a_wrong_query_names_the_parameter() {
    for (query, parameter, detail) in [
        ("limit=s3cr3t", "limit", "expected a whole number"),
        ("", "limit", "is required"),
        ("limit=1&limit=2", "limit", "is given more than once"),
        ("limit=1&page=2", "page", "is not a known field, expected `limit`"),
    ] {
        let answer = fetch(&format!("/orders?{query}")).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("INVALID_QUERY")), "{query}");
        assert_eq!(answer.violation(), (parameter, detail), "{query}");
    }
}

#[tokio::test]
async fn a_wrong_path_names_the_parameter() {
    for (uri, parameter, detail) in [
        ("/orders/s3cr3t", "id", "expected a whole number from 0 to 18446744073709551615"),
        ("/orders/1/lines/s3cr3t", "line", "expected a whole number from 0 to 65535"),
        ("/orders/%FF", "id", "expected UTF-8"),
        ("/skus/x", "sku", "a sku has three letters"),
        ("/skus/x/y", "from, to", "a sku has three letters"),
    ] {
        let answer = fetch(uri).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("INVALID_PATH")), "{uri}");
        assert_eq!(answer.violation(), (parameter, detail), "{uri}");
    }
}

#[tokio::test]
async fn a_route_that_does_not_fit_its_handler_is_our_bug_and_not_the_callers() {
    let answer = fetch("/mismatch/1/2").await;
    assert_eq!((answer.status, &answer.body["detail"]), (500, &json!(Kind::Internal.public_sentence())));
    assert!(answer.body.get("errors").is_none());
    let error: &Arc<Error> = answer.response.extensions.get().unwrap();
    assert!(error.report().to_string().contains("Expected 1 but got 2"), "{error:?}");
}

#[tokio::test]
async fn what_no_handler_answers_is_a_problem_too() {
    let answer = fetch("/nowhere").await;
    assert_eq!((answer.status, &answer.body["code"]), (404, &json!("ROUTE_NOT_FOUND")));
    let answer = send(Request::delete("/orders").body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, &answer.body["code"]), (405, &json!("METHOD_NOT_ALLOWED")));
    assert_eq!(answer.body["request_id"], "req-7");

    let response = panicked(Box::new("s3cr3t".to_owned()));
    assert_eq!(response.extensions().get::<Arc<Error>>().unwrap().to_string(), "handler panicked: s3cr3t");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&body).contains("s3cr3t"));
}

#[tokio::test]
async fn a_plain_text_error_of_the_framework_becomes_a_problem_without_its_text() {
    let answer = fetch("/broken").await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.response.headers["content-type"], "application/problem+json");
    assert_eq!((&answer.body["code"], &answer.body["request_id"]), (&json!("INTERNAL"), &json!("req-7")));
    assert!(!answer.body.to_string().contains("Sku"));
    let error: &Arc<Error> = answer.response.extensions.get().unwrap();
    assert!(error.report().to_string().starts_with("answered in plain text: Missing request extension"));
}

#[tokio::test]
async fn plain_text_of_a_4xx_is_kept_as_are_headers_and_answers_of_other_kinds() {
    let plain = (StatusCode::METHOD_NOT_ALLOWED, [("allow", "GET"), ("content-length", "7")], "use GET")
        .into_response();
    let (parts, body) = plain_errors_to_problems(plain).await.into_parts();
    assert_eq!((parts.status.as_u16(), &parts.headers["allow"]), (405, &"GET".parse().unwrap()));
    assert!(!parts.headers.contains_key("content-length"));
    let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!((&body["detail"], &body["code"]), (&json!("use GET"), &json!("UNIMPLEMENTED")));

    let page = (StatusCode::NOT_FOUND, [("content-type", "text/html")], "<h1>404</h1>").into_response();
    let body = plain_errors_to_problems(page).await.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "<h1>404</h1>");
    let fine = plain_errors_to_problems("fine".into_response()).await;
    assert_eq!(fine.into_body().collect().await.unwrap().to_bytes(), "fine");
    let empty = plain_errors_to_problems(StatusCode::REQUEST_TIMEOUT.into_response()).await;
    let body: Value = serde_json::from_slice(&empty.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!((&body["status"], &body["title"]), (&json!(408), &json!("Request Timeout")));
}

#[tokio::test]
async fn each_503_says_when_to_retry() {
    let unavailable = || Error::unavailable("down");
    for (response, seconds) in [
        (unavailable().into_response(), "1"),
        (unavailable().retry_after(Duration::from_secs(7)).into_response(), "7"),
        (unavailable().to_response().into_response(), "1"),
        (fetch("/ready").await.response_of(), "1"),
        (plain_errors_to_problems(StatusCode::SERVICE_UNAVAILABLE.into_response()).await, "1"),
        (
            plain_errors_to_problems(
                (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "9")]).into_response(),
            )
            .await,
            "9",
        ),
    ] {
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers().get_all("retry-after").iter().collect::<Vec<_>>(), [seconds]);
    }
    assert!(!Error::internal("bug").into_response().headers().contains_key("retry-after"));
}

#[tokio::test]
async fn readiness_names_each_component() {
    let answer = fetch("/ready").await;
    assert_eq!(
        (answer.status, &answer.response.headers["cache-control"]),
        (503, &"no-store".parse().unwrap())
    );
    let database = json!({"status": "down", "reason": "refused", "details": {"waiting": 3}});
    assert_eq!(answer.body, json!({"status": "down", "components": {"database": database}}));
}

#[tokio::test]
async fn the_short_body_is_an_answer_too() {
    let response = Error::not_found("no order").code("ORDER_NOT_FOUND").to_response().into_response();
    assert_eq!(response.status(), 404);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"status_code":404,"error_code":"ORDER_NOT_FOUND","message":"no order"}"#);
}

#[tokio::test]
async fn a_head_request_gets_no_body_back_with_the_request_id() {
    let request = Request::head("/orders/42").body(Body::empty()).unwrap();
    let (parts, body) = service().oneshot(request).await.unwrap().into_parts();
    assert_eq!(parts.status, 404);
    assert!(body.collect().await.unwrap().to_bytes().is_empty());
}

/// As a layer makes it that does not know axum, such as a rate limit.
#[tokio::test]
async fn the_problem_of_a_layer_gets_the_request_id() {
    let error = Error::too_many_requests("too many requests");
    let body = Body::from(serde_json::to_string(&error.to_problem()).unwrap());
    let response = Response::builder().status(429).header("content-type", "application/problem+json");
    let response = response.extension(Arc::new(error)).body(body).unwrap();
    let bytes = attach_request_id(response, "req-7").into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&problem["request_id"], &problem["status"]), (&json!("req-7"), &json!(429)));
}

#[tokio::test]
async fn a_body_that_is_no_problem_any_more_is_left_alone() {
    // A content length that a layer set is no longer right.
    let mut response = Error::not_found("no order").into_response();
    response.headers_mut().insert("content-length", "7".parse().unwrap());
    assert!(!attach_request_id(response, "req-7").headers().contains_key("content-length"));

    let page = |mut response: Response, header: &'static str, value: &'static str| {
        response.headers_mut().insert(header, value.parse().unwrap());
        *response.body_mut() = Body::from("a page");
        attach_request_id(response, "req-7")
    };
    for (header, value) in [("content-type", "text/html"), ("content-encoding", "gzip")] {
        let response = page(Error::not_found("no order").into_response(), header, value);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "a page");
    }
    let plain = attach_request_id("fine".into_response(), "req-7");
    assert_eq!(plain.into_body().collect().await.unwrap().to_bytes(), "fine");
}

#[tokio::test]
async fn the_client_gets_the_error_back() {
    let answer = fetch("/orders/42").await;
    let error = Error::from_remote(answer.status, answer.body.to_string().as_bytes());
    assert_eq!((error.kind(), error.error_code()), (Kind::NotFound, "ORDER_NOT_FOUND"));
    assert_eq!(error.request_id(), Some("req-7"));
}
