//! The request layer in front of axum: one line a request, ids in and out, the error logged once.

use std::{panic::AssertUnwindSafe, sync::Arc, task::Poll};

use axum::{
    Extension, Router,
    body::Body,
    http::{Request, Response},
    middleware::map_response,
    routing::get,
};
use http_body_util::BodyExt as _;
use serde_json::{Value as Json, json};
use tower::ServiceExt as _;
use underpin_config::ByteSize;
use underpin_errors::{Error, Kind, axum::stamp_request_id};
use underpin_logger::{
    Context, JsonFormat, Level, Logger, LoggerSettings, SlogLogger, debug, info, sink::MemorySink,
    testing::CaptureLogger, tower::RequestLayer,
};

fn app(log: &CaptureLogger) -> Router {
    let handler_log = log.clone();
    let ok = move |Extension(ctx): Extension<Context>| async move {
        info!(handler_log, &ctx, "in the handler");
        assert_eq!(Context::current().request_id(), ctx.request_id(), "in scope for what the handler calls");
        assert_eq!(Context::current().traceparent(), ctx.traceparent());
        ctx.traceparent().unwrap().to_owned()
    };
    let broken = || async {
        let refused = std::io::Error::other("connection refused");
        Err::<(), _>(Error::wrap(Kind::Unavailable, refused, "load order").code("ORDERS_DOWN"))
    };
    let missing =
        || async { Err::<(), _>(Error::not_found("no order 7").code("ORDER_NOT_FOUND").context("find")) };
    Router::new()
        .route("/ok", get(ok))
        .route("/broken", get(broken))
        .route("/missing", get(missing))
        .route("/health/live", get(|| async { "up" }))
        .route("/panics", get(panics))
        .route("/hangs", get(std::future::pending::<()>))
        .layer(RequestLayer::new(Arc::new(log.clone())).quiet("/health"))
        .layer(map_response(stamp_request_id))
}

async fn panics() -> &'static str {
    panic!("handler bug")
}

fn request(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let builder = Request::builder().uri(path);
    headers
        .iter()
        .fold(builder, |builder, (name, value)| builder.header(*name, *value))
        .body(Body::empty())
        .unwrap()
}

async fn send(log: &CaptureLogger, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    app(log).oneshot(request(path, headers)).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn the_request_id_and_the_trace_go_in_and_out_and_reach_the_handler() {
    let log = CaptureLogger::new();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let response =
        send(&log, "/ok?token=secret", &[("x-request-id", "req-7"), ("traceparent", parent)]).await;
    assert_eq!(response.headers()["x-request-id"], "req-7");
    let inside = text(response).await;
    assert!(
        inside.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && inside != parent,
        "a span of its own"
    );
    for msg in ["in the handler", "request"] {
        assert_eq!(log.assert_logged(Level::Info, msg).request_id(), Some("req-7"));
    }
    let line = log.assert_logged(Level::Info, "request");
    assert_eq!(
        (line.tag("method"), line.tag("path"), line.tag("status")),
        (Some("GET"), Some("/ok"), Some("200"))
    );
    assert!(line.tag("latency_ms").is_some() && line.error.is_empty());
    assert!(!log.to_string().contains("secret"), "the query is not logged");
}

#[tokio::test]
async fn an_id_or_a_trace_that_is_not_valid_is_replaced_and_never_logged() {
    let log = CaptureLogger::new();
    let long = "a".repeat(129);
    for bad in ["", "has space", "quote\"", long.as_str(), "\t{}"] {
        let headers = [("x-request-id", bad), ("traceparent", "00-zz-yy-01")];
        let response = send(&log, "/ok", &headers).await;
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert!(id.len() == 36 && id != bad, "{id}");
        assert_eq!(log.take().pop().unwrap().request_id(), Some(id.as_str()));
    }
}

#[tokio::test]
async fn a_5xx_is_logged_once_at_error_with_the_chain_and_the_body_has_the_request_id() {
    let log = CaptureLogger::new();
    let response = send(&log, "/broken", &[("x-request-id", "req-8")]).await;
    let body: Json = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!((&body["request_id"], &body["code"]), (&json!("req-8"), &json!("ORDERS_DOWN")));
    let entries = log.entries();
    assert_eq!(entries.len(), 1, "one line a request:\n{log}");
    assert_eq!((entries[0].level, entries[0].tag("status")), (Level::Error, Some("503")));
    assert_eq!(entries[0].tag("error_code"), Some("ORDERS_DOWN"));
    assert_eq!(entries[0].error, ["load order", "connection refused"]);
}

#[tokio::test]
async fn a_4xx_is_logged_at_info_with_its_error() {
    let log = CaptureLogger::new();
    let _response = send(&log, "/missing", &[]).await;
    let line = log.assert_logged(Level::Info, "request");
    assert_eq!((line.tag("status"), line.tag("error_code")), (Some("404"), Some("ORDER_NOT_FOUND")));
    assert_eq!(line.error, ["find: no order 7"]);
    log.assert_not_logged(Level::Warn);
}

#[tokio::test]
async fn probes_are_quiet() {
    let log = CaptureLogger::new();
    let _response = send(&log, "/health/live", &[]).await;
    log.assert_not_logged(Level::Info);
    log.assert_logged(Level::Debug, "request");
}

#[tokio::test]
async fn a_request_whose_client_goes_away_is_logged_as_cancelled() {
    let log = CaptureLogger::new();
    let mut answer = Box::pin(app(&log).oneshot(request("/hangs", &[("x-request-id", "req-9")])));
    let first = std::future::poll_fn(|task| Poll::Ready(answer.as_mut().poll(task))).await;
    assert!(first.is_pending());
    log.assert_not_logged(Level::Trace);
    drop(answer);
    assert_eq!(log.assert_logged(Level::Info, "request cancelled").request_id(), Some("req-9"));
}

#[tokio::test]
async fn a_handler_that_panics_is_logged_before_the_panic_goes_on() {
    use futures_util::FutureExt as _;

    let log = CaptureLogger::new();
    let answer = AssertUnwindSafe(app(&log).oneshot(request("/panics", &[]))).catch_unwind().await;
    assert!(answer.is_err());
    log.assert_logged(Level::Error, "request panicked");
    assert_eq!(log.entries().len(), 1);
}

#[tokio::test]
async fn the_detail_of_a_request_that_fails_is_written_where_the_settings_ask_for_it() {
    for (flight_recorder, written) in [(Some(ByteSize::kib(4)), true), (None, false)] {
        let sink = MemorySink::new();
        let log: Arc<dyn Logger> = Arc::new(SlogLogger::json(JsonFormat::new()).sink(sink.clone()).build());
        let settings = LoggerSettings::default().flight_recorder(flight_recorder);
        let layer = RequestLayer::new(Arc::clone(&log)).configured(&settings);
        let fails = |Extension(ctx): Extension<Context>| async move {
            debug!(log, &ctx, "stock looked up");
            Err::<(), _>(Error::internal("no stock"))
        };
        let app = Router::new().route("/", get(fails)).layer(layer);
        let _response = app.oneshot(request("/", &[])).await.unwrap();
        assert_eq!(sink.text().contains("stock looked up"), written, "{}", sink.text());
        assert!(sink.text().contains("\"status\":500"), "{}", sink.text());
    }
}

#[tokio::test]
async fn a_public_service_takes_no_ids_from_its_callers() {
    let log = CaptureLogger::new();
    let app = Router::new()
        .route("/", get(|| async {}))
        .layer(RequestLayer::new(Arc::new(log.clone())).with_fresh_ids());
    let response = app.oneshot(request("/", &[("x-request-id", "theirs")])).await.unwrap();
    assert_ne!(response.headers()["x-request-id"], "theirs");
}
