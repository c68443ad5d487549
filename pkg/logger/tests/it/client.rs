//! The layer of outgoing calls: ids out, problems in.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use axum::body::Body;
use http::{Request, Response};
use tower::{Layer as _, ServiceExt as _, service_fn};
use underpin_errors::{Error, Kind};
use underpin_logger::{Context, RequestId, TraceParent, TraceState, tower::ClientLayer};

/// What a peer that answers like this makes of a call.
async fn ask(answer: Response<Body>) -> Result<Response<Body>, Error> {
    let answer = Arc::new(Mutex::new(Some(answer)));
    let peer = service_fn(move |_: Request<Body>| {
        let answer = answer.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(answer) }
    });
    ClientLayer::new().layer(peer).oneshot(Request::get("http://peer/").body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_ids_of_the_context_replace_those_of_the_request() {
    let peer = service_fn(async |request: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from(format!(
            "{:?} {:?} {:?}",
            request.headers().get("x-request-id"),
            request.headers().get("traceparent"),
            request.headers().get("tracestate"),
        ))))
    });
    let client = ClientLayer::new().layer(peer);
    let request = || {
        Request::get("http://peer/")
            .header("x-request-id", "of another")
            .header("tracestate", "a=1")
            .body(Body::empty())
            .unwrap()
    };
    let text = async |response: Response<Body>| {
        String::from_utf8(axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec())
            .unwrap()
    };

    let none = text(client.clone().oneshot(request()).await.unwrap()).await;
    assert_eq!(none, "None None None", "no context, no ids");
    let trace = TraceParent::generate();
    let ctx = Context::new(RequestId::parse("req-1").unwrap())
        .with_trace(trace)
        .with_trace_state(TraceState::parse("b=2").unwrap());
    let current = text(ctx.scope(client.clone().oneshot(request())).await.unwrap()).await;
    assert!(
        current.contains("req-1") && current.contains(trace.trace_id()) && current.contains("b=2"),
        "{current}"
    );
    let mut own = request();
    own.extensions_mut().insert(ctx.clone());
    let other = Context::new(RequestId::parse("req-2").unwrap());
    let own = text(other.scope(client.oneshot(own)).await.unwrap()).await;
    assert!(own.contains("req-1") && !own.contains("req-2"), "{own}");
}

#[tokio::test]
async fn a_problem_becomes_its_error_and_anything_else_its_status() {
    let sent = Error::bad_request("the card is not valid")
        .code("CARD_INVALID")
        .violation("number", "must have 16 digits");
    let body = serde_json::to_vec(&sent.to_problem()).unwrap();
    let error = ask(Response::builder().status(400).body(Body::from(body)).unwrap()).await.unwrap_err();
    assert_eq!((error.error_code(), error.public_message()), ("CARD_INVALID", "the card is not valid"));
    assert_eq!(error.violations(), sent.violations());

    let busy =
        Response::builder().status(503).header("retry-after", "7").body(Body::from("<html>secret")).unwrap();
    let error = ask(busy).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_delay()), (Kind::Unavailable, Some(Duration::from_secs(7))));
    assert!(!error.public_message().contains("secret"));
    for status in [200, 204, 304] {
        let answer = ask(Response::builder().status(status).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status);
    }
}

/// A body of many megabytes that counts what is read of it, and breaks at the end.
struct Endless(Arc<Mutex<usize>>);

impl http_body::Body for Endless {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>> {
        *self.0.lock().unwrap() += 1;
        if *self.0.lock().unwrap() > 1000 {
            return Poll::Ready(Some(Err(std::io::Error::other("cut"))));
        }
        Poll::Ready(Some(Ok(http_body::Frame::data(bytes::Bytes::from(vec![b'x'; 10_000])))))
    }
}

#[tokio::test]
async fn the_body_of_an_error_is_read_up_to_a_limit_and_one_that_breaks_is_named() {
    let frames = Arc::new(Mutex::new(0));
    let (shared, start) = (Arc::clone(&frames), Arc::new(Mutex::new(0)));
    let begin = Arc::clone(&start);
    let peer = service_fn(move |_: Request<()>| {
        *shared.lock().unwrap() = *begin.lock().unwrap();
        let body = Endless(Arc::clone(&shared));
        async { Ok::<_, Infallible>(Response::builder().status(500).body(body).unwrap()) }
    });
    let client = ClientLayer::new().layer(peer);
    let error = client.clone().oneshot(Request::new(())).await.map(drop).unwrap_err();
    assert_eq!((error.http_status(), *frames.lock().unwrap()), (500, 7));
    *start.lock().unwrap() = 1000;
    let error = client.oneshot(Request::new(())).await.map(drop).unwrap_err();
    assert!(error.report().to_string().ends_with(": cut"), "{error:?}");
}

#[tokio::test]
async fn a_call_that_fails_is_unavailable_and_may_be_tried_again() {
    let peer = service_fn(async |_: Request<()>| {
        Err::<Response<Body>, _>(std::io::Error::other("connection refused"))
    });
    let error = ClientLayer::new()
        .layer(peer)
        .oneshot(Request::get("http://cards:81/7?key=secret").body(()).unwrap())
        .await
        .unwrap_err();
    assert!(error.is_retryable() && error.public_message() == Kind::Unavailable.public_sentence());
    assert_eq!(error.report().to_string(), "GET cards: connection refused");
}
