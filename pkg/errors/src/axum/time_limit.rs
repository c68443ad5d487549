use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use ::axum::body::{Body, Bytes, HttpBody};
use ::axum::extract::{Request, State};
use ::axum::middleware::Next;
use ::axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::CONNECTION;
use http_body::{Frame, SizeHint};

use crate::{Error, code};

/// Ends a request that takes longer than the limit, its body included; for `axum::middleware::from_fn_with_state`.
///
/// The answer is 504 `DEADLINE_EXCEEDED`, or, while the handler waits for the rest of the body, 408 `REQUEST_TIMEOUT` with
/// `Connection: close`: then the caller is slow and not the service. The handler's future is dropped.
///
/// # Panics
/// Outside a tokio runtime with its timer enabled.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use axum::{Router, body::Body, http::Request, middleware::from_fn_with_state, routing::get};
/// use tower::ServiceExt;
/// use underpin_errors::axum::time_limit;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let app: Router = Router::new()
///     .route("/", get(std::future::pending::<()>))
///     .layer(from_fn_with_state(Duration::from_millis(10), time_limit));
/// assert_eq!(app.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap().status(), 504);
/// # }
/// ```
pub async fn time_limit(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let waits = Arc::new(AtomicBool::new(false));
    let request = request.map(|body| Body::new(WatchedBody { body, waits: Arc::clone(&waits) }));
    // Pinned here, so that the body still exists when the time is over.
    let mut running = pin!(next.run(request));
    match tokio::time::timeout(limit, running.as_mut()).await {
        Ok(response) => response,
        Err(_) if waits.load(Ordering::Relaxed) => {
            let error = Error::http(408, "the request body took too long").code(code::REQUEST_TIMEOUT);
            let mut response = error.into_response();
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
        Err(_) => Error::timeout("the request took too long").into_response(),
    }
}

/// A request body that records whether its reader waits for more of it.
struct WatchedBody {
    body: Body,
    waits: Arc<AtomicBool>,
}

/// A handler that stops reading is slow itself.
impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.waits.store(false, Ordering::Relaxed);
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = ::axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ::axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.waits.store(polled.is_pending(), Ordering::Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
