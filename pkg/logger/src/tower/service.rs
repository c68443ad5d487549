use std::{
    fmt,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{config::RequestConfig, future::RequestFuture, outcome::Pending, request_span};

/// The service that [`RequestLayer`](super::RequestLayer) makes.
#[derive(Clone)]
pub struct RequestService<S> {
    inner: S,
    config: Arc<RequestConfig>,
}

impl<S> RequestService<S> {
    pub(super) const fn new(inner: S, config: Arc<RequestConfig>) -> Self {
        Self { inner, config }
    }
}

impl<S, I, O> Service<Request<I>> for RequestService<S>
where
    S: Service<Request<I>, Response = Response<O>>,
{
    type Response = Response<O>;
    type Error = S::Error;
    type Future = RequestFuture<S::Future>;

    fn poll_ready(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, mut request: Request<I>) -> RequestFuture<S::Future> {
        let span = request_span::open(self.config.caller(request.headers()), &request);
        request.extensions_mut().insert(span.ctx().clone());
        let pending = Pending::new(Arc::clone(&self.config), span, &request);
        // The inner service may log while it builds its future, and all the more while that runs.
        let answer = pending.ctx().scope_sync(|| self.inner.call(request));
        RequestFuture::new(answer, pending)
    }
}

impl<S> fmt::Debug for RequestService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestService").finish_non_exhaustive()
    }
}
