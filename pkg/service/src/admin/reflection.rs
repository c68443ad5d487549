//! gRPC reflection on the admin listener: it shows the whole interface, so it is for operators.

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tower_service::Service as _;
use underpin_errors::BoxError;

use super::reply::Reply;
use crate::counted::Counted;

pub(super) fn is_asked(path: &str) -> bool {
    path.starts_with("/grpc.reflection.")
}

/// Hands the call to the routes of reflection. It counts until its stream has ended.
pub(super) async fn answer<B>(
    request: Request<B>,
    trusted: bool,
    routes: Option<Router>,
    counted: Counted,
) -> Reply
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut routes = match routes {
        _ if !trusted => return refuse("16", "needs a loopback address or the token of service.admin.token"),
        None => return refuse("12", "this service shows no descriptors (Start::serve_reflection)"),
        Some(routes) => routes,
    };
    let Ok(reply) = routes.call(request.map(Body::new)).await;
    reply.map(|body| {
        let held = body.map_frame(move |frame| {
            let _until_the_end = &counted;
            frame
        });
        UnsyncBoxBody::new(held.map_err(Into::into))
    })
}

/// The status in the head, which is how gRPC refuses a call.
fn refuse(status: &'static str, why: &'static str) -> Reply {
    let body = http_body_util::Empty::new().map_err(|never| match never {});
    let mut reply = Response::new(UnsyncBoxBody::new(body));
    for (name, value) in [
        (CONTENT_TYPE, "application/grpc"),
        (HeaderName::from_static("grpc-status"), status),
        (HeaderName::from_static("grpc-message"), why),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;
    use tokio::sync::watch;

    use super::*;

    #[tokio::test]
    async fn only_trusted_callers_reach_the_routes() {
        let count = watch::Sender::new(0);
        let ask = async |trusted, routes| {
            let request = Request::new(Empty::<Bytes>::new());
            let reply = answer(request, trusted, routes, Counted::new(&count)).await;
            reply.headers().get("grpc-status").map(|status| status.to_str().unwrap().to_owned())
        };
        assert_eq!(ask(false, Some(Router::new())).await.as_deref(), Some("16"), "unauthenticated");
        assert_eq!(ask(true, None).await.as_deref(), Some("12"), "unimplemented");
        assert_eq!(ask(true, Some(Router::new())).await, None);
        assert_eq!(*count.borrow(), 0);
    }
}
