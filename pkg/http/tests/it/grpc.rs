use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, Response};
use tonic::server::NamedService;
use tonic::{Code, Status};
use tower_service::Service;
use underpin_errors::HealthChecks;
use underpin_http::grpc::Grpc;
use underpin_http::{Drain, HttpSettings};
use underpin_logger::testing::CaptureLogger;
use underpin_logger::{Level, NoopLogger};

use super::support::{Http2Client, LIMIT, Served};

/// A service whose method says what it does: `CODE` ends with this code, before or after messages.
#[derive(Clone)]
struct Codes;

impl NamedService for Codes {
    const NAME: &'static str = "test.Codes";
}

/// An empty message.
const MESSAGE: Bytes = Bytes::from_static(&MESSAGE_BYTES);
static MESSAGE_BYTES: [u8; 5] = [0; 5];

struct Messages {
    messages: usize,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Status(Code),
    Panic,
    Never,
    Done,
}

impl HttpBody for Messages {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.messages > 0 {
            self.messages -= 1;
            return Poll::Ready(Some(Ok(Frame::data(MESSAGE))));
        }
        match std::mem::replace(&mut self.end, End::Done) {
            End::Status(code) => {
                let mut trailers = HeaderMap::new();
                Status::new(code, "on purpose").add_header(&mut trailers).unwrap();
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            End::Panic => panic!("in the stream"),
            End::Never => {
                self.end = End::Never;
                Poll::Pending
            }
            End::Done => Poll::Ready(None),
        }
    }
}

impl Service<Request<tonic::body::Body>> for Codes {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let method = path.rsplit('/').next().unwrap().to_owned();
        Box::pin(async move {
            let (kind, argument) = method.split_once('-').unwrap_or((&method, "0"));
            let code = Code::from_i32(argument.parse().unwrap());
            let (messages, end) = match kind {
                "head" => return Ok(Status::new(code, "on purpose").into_http()),
                "unary" => (1, End::Status(code)),
                "stream" => (3, End::Status(code)),
                "none" => (0, End::Status(code)),
                "panic" => panic!("in the call"),
                "late" => (1, End::Panic),
                "endless" => (1, End::Never),
                _ => {
                    std::future::pending::<()>().await;
                    (0, End::Done)
                }
            };
            let body = Body::new(Messages { messages, end });
            Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
        })
    }
}

/// Messages and status of a call, as the client sees them.
async fn call(client: &mut Http2Client, path: &str, timeout: Option<&str>) -> (usize, Code) {
    let mut request = Request::post(format!("http://test/{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(timeout) = timeout {
        request = request.header("grpc-timeout", timeout);
    }
    let response = client.send(request.body(Full::new(MESSAGE)).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    if let Some(status) = Status::from_header_map(response.headers()) {
        return (0, status.code());
    }
    let whole = tokio::time::timeout(LIMIT, response.into_body().collect()).await.unwrap().unwrap();
    let status = Status::from_header_map(whole.trailers().expect("trailers")).expect("a status");
    (whole.to_bytes().len() / MESSAGE.len(), status.code())
}

fn routes(log: &CaptureLogger) -> Router {
    Grpc::new(&HttpSettings::default(), Arc::new(log.clone())).add(Codes).into_routes()
}

/// The log says of every call what its client saw, wherever the status stands.
#[tokio::test]
async fn every_code_is_logged_as_the_client_saw_it() {
    let log = CaptureLogger::new();
    let server = Served::start(HttpSettings::default(), routes(&log)).await;
    let mut client = server.http2().await;
    for number in 0..17 {
        let code = Code::from_i32(number);
        for (kind, messages) in [("head", 0), ("unary", 1), ("stream", 3), ("none", 0)] {
            let seen = call(&mut client, &format!("test.Codes/{kind}-{number}"), None).await;
            assert_eq!(seen, (messages, code), "{kind}");
            let logged = log.take().into_iter().find(|entry| entry.msg == "call").expect("logged");
            let name = code_name(code);
            assert_eq!(logged.tag("code"), Some(name.as_str()), "{kind}");
            let fault = matches!(code, Code::Unknown | Code::Internal | Code::Unavailable | Code::DataLoss);
            assert_eq!(logged.level, if fault { Level::Error } else { Level::Info }, "{code:?}");
        }
    }
}

/// `InvalidArgument` is `INVALID_ARGUMENT`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for (at, letter) in format!("{code:?}").char_indices() {
        if at > 0 && letter.is_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[tokio::test]
async fn panics_and_deadlines_are_statuses_before_and_within_a_stream() {
    let log = CaptureLogger::new();
    let server = Served::start(HttpSettings::default(), routes(&log)).await;
    let mut client = server.http2().await;
    assert_eq!(call(&mut client, "test.Codes/panic", None).await, (0, Code::Internal));
    assert_eq!(call(&mut client, "test.Codes/late", None).await, (1, Code::Internal));
    assert_eq!(log.entries().iter().filter(|entry| entry.msg == "call panicked").count(), 2);
    assert_eq!(call(&mut client, "test.Codes/hangs", Some("50m")).await, (0, Code::DeadlineExceeded));
    assert_eq!(call(&mut client, "test.Codes/endless", Some("50m")).await, (1, Code::DeadlineExceeded));
    // The connection has survived all of it.
    assert_eq!(call(&mut client, "test.Codes/unary-0", None).await, (1, Code::Ok));
}

#[tokio::test]
async fn calls_beyond_the_limit_are_unavailable_and_streams_end_at_the_stop() {
    let settings = HttpSettings::default().max_in_flight(1);
    let routes = Grpc::new(&settings, Arc::new(NoopLogger)).add(Codes).into_routes();
    let server = Served::start(settings, routes).await;
    let mut client = server.http2().await;
    let mut other = server.http2().await;
    let endless = call(&mut client, "test.Codes/endless", None);
    let rest = async {
        while call(&mut other, "test.Codes/unary-0", None).await != (0, Code::Unavailable) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(other);
        server.stop(2_000).await
    };
    let (seen, stopped) = tokio::join!(endless, rest);
    assert_eq!(seen, (1, Code::Unavailable), "the stream ends with a status");
    assert_eq!(stopped, 0);
}

/// The status of a health response: field 1, a varint.
fn health(message: &[u8]) -> u8 {
    message.get(6).copied().unwrap_or(0)
}

#[tokio::test]
async fn health_is_not_serving_as_soon_as_the_service_drains_and_watches_end() {
    let (drain, settings) = (Drain::default(), HttpSettings::default());
    let grpc = Grpc::new(&settings, Arc::new(NoopLogger)).add(Codes);
    let server = Served::start(settings, grpc.health(drain.clone(), HealthChecks::new()).into_routes()).await;
    let mut client = server.http2().await;
    let ask = |method: &str, message: &'static [u8]| {
        Request::post(format!("http://test/grpc.health.v1.Health/{method}"))
            .header("content-type", "application/grpc")
            .body(Full::new(Bytes::from_static(message)))
            .unwrap()
    };
    let unknown = client.send(ask("Check", b"\0\0\0\0\x06\x0a\x04none")).await.unwrap();
    assert_eq!(Status::from_header_map(unknown.headers()).unwrap().code(), Code::NotFound);
    let mut watched = client.send(ask("Watch", &MESSAGE_BYTES)).await.unwrap().into_body();
    let first = watched.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(health(&first), 1, "serving");
    drain.start();
    let mut rest = Vec::new();
    while let Some(frame) = tokio::time::timeout(LIMIT, watched.frame()).await.expect("the watch ends") {
        rest.extend(frame.unwrap().data_ref().map(|message| health(message)));
    }
    assert_eq!(rest, [2], "not serving, then the end");
    let checked = client.send(ask("Check", &MESSAGE_BYTES)).await.unwrap().into_body();
    assert_eq!(health(&checked.collect().await.unwrap().to_bytes()), 2);
}
