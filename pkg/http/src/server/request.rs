use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::connect_info::ConnectInfo;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Version};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tower_service::Service as _;

use super::connection::Connection;

/// Hands the requests of a connection to the routes.
pub(super) struct RequestService {
    connection: Arc<Connection>,
    /// A clone of the connection: with one for each request, threads contend for its count.
    routes: RefCell<Router>,
}

impl RequestService {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self { routes: RefCell::new(connection.server.routes.clone()), connection }
    }
}

impl hyper::service::Service<Request<Incoming>> for RequestService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn call(&self, request: Request<Incoming>) -> ResponseFuture {
        let connection = &self.connection;
        let guard = RequestGuard::new(Arc::clone(connection));
        let mut request = request.map(|body| match body.is_end_stream() {
            true => Body::empty(),
            false => Body::new(RequestBody { body, connection: Arc::clone(connection) }),
        });
        request.extensions_mut().insert(ConnectInfo(connection.peer));
        let is_http1 = request.version() <= Version::HTTP_11;
        let answer = self.routes.borrow_mut().call(request);
        ResponseFuture { answer, guard: Some(guard), is_http1 }
    }
}

/// Counts a request until it is dropped.
struct RequestGuard(Arc<Connection>);

impl RequestGuard {
    fn new(connection: Arc<Connection>) -> Self {
        connection.begin_request();
        Self(connection)
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.finish_request();
    }
}

pin_project! {
    /// The answer of the routes, with the request counted until its body is sent.
    pub(super) struct ResponseFuture {
        #[pin]
        answer: RouteFuture<Infallible>,
        guard: Option<RequestGuard>,
        is_http1: bool,
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.answer.poll(cx))?;
        let guard = this.guard.take();
        if let Some(guard) = &guard
            && *this.is_http1
            && guard.0.closes_after_response()
            // `Connection: upgrade` is part of the handshake.
            && answer.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let end = guard.as_ref().and_then(|guard| StreamShutdown::of(answer.headers(), &guard.0));
        Poll::Ready(Ok(answer.map(|body| ResponseBody { body, end, _guard: guard })))
    }
}

/// Ends an endless stream at the stop.
struct StreamShutdown {
    asked: Pin<Box<WaitForCancellationFutureOwned>>,
    is_grpc: bool,
}

impl StreamShutdown {
    fn of(headers: &HeaderMap, connection: &Connection) -> Option<Self> {
        let media = headers.get(CONTENT_TYPE)?.as_bytes();
        let is_grpc = media.starts_with(b"application/grpc");
        let token = match is_grpc {
            true => &connection.server.end_calls,
            false if media.starts_with(b"text/event-stream") => &connection.server.end_events,
            false => return None,
        };
        Some(Self { asked: Box::pin(token.clone().cancelled_owned()), is_grpc })
    }

    /// What the stream ends with: its clients read the status in the trailers.
    fn last(&self) -> Option<Frame<Bytes>> {
        let trailers = [("grpc-status", "14"), ("grpc-message", "the server stops")];
        let trailers =
            trailers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        self.is_grpc.then(|| Frame::trailers(trailers.into_iter().collect()))
    }
}

/// The body of an answer. The request counts as in progress until it is dropped.
pub(super) struct ResponseBody {
    body: Body,
    end: Option<StreamShutdown>,
    _guard: Option<RequestGuard>,
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if let Some(end) = &mut this.end
            && end.asked.as_mut().poll(cx).is_ready()
        {
            let last = end.last();
            (this.body, this.end) = (Body::empty(), None);
            return Poll::Ready(last.map(Ok));
        }
        Pin::new(&mut this.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a request. One that is dropped before its end leaves a client that may be sending still.
struct RequestBody {
    body: Incoming,
    connection: Arc<Connection>,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            self.connection.mark_unread();
        }
    }
}
