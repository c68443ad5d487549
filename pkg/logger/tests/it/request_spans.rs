//! The span that the request layer opens.

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    extract::{MatchedPath, Request},
    http::StatusCode,
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use tower::ServiceExt as _;
use underpin_logger::{
    AttributeValue, Context, FinishedSpan, NoopLogger, SpanKind, TraceParent,
    testing::CaptureSpans,
    tower::{RequestLayer, Route},
};

async fn note_route(matched: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Route::new(matched.as_str()));
    response
}

async fn answer(Extension(ctx): Extension<Context>) -> StatusCode {
    drop(ctx.span("work", SpanKind::Internal));
    StatusCode::BAD_GATEWAY
}

async fn span_of(uri: &str, caller: &TraceParent) -> (String, Vec<FinishedSpan>) {
    let spans = CaptureSpans::install();
    let app: Router = Router::new()
        .route("/orders/{id}", get(answer))
        .route_layer(from_fn(note_route))
        .layer(RequestLayer::new(Arc::new(NoopLogger)));
    let request = Request::get(uri).header("traceparent", caller.as_str()).header("host", "shop.example");
    app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    (spans.tree(caller.trace_id()), spans.of_trace(caller.trace_id()))
}

#[tokio::test]
async fn a_request_is_a_span_named_by_method_and_route() {
    let caller = TraceParent::generate();
    let (tree, spans) = span_of("/orders/7?secret=1", &caller).await;
    assert_eq!(tree, "GET /orders/{id}\n  work\n");
    let request = &spans[0];
    assert_eq!((request.kind, request.parent), (SpanKind::Server, Some(caller)));
    let text = |key| request.attribute(key).map(ToString::to_string);
    assert_eq!(text("url.path").as_deref(), Some("/orders/7"));
    assert_eq!(text("server.address").as_deref(), Some("shop.example"));
    assert_eq!(request.attribute("http.response.status_code"), Some(&AttributeValue::Int(502)));
    assert_eq!(request.error.as_deref(), Some("502 Bad Gateway"));
    assert!(!format!("{request:?}").contains("secret"));
}

#[tokio::test]
async fn a_path_without_a_route_never_becomes_a_name() {
    let caller = TraceParent::generate();
    let (tree, spans) = span_of("/wp-login.php", &caller).await;
    assert_eq!((tree.as_str(), &spans[0].error), ("GET\n", &None));
}

#[tokio::test]
async fn a_caller_that_does_not_record_keeps_the_request_unrecorded() {
    let caller = TraceParent::generate_unsampled();
    let (tree, _) = span_of("/orders/7", &caller).await;
    assert_eq!(tree, "");
}
