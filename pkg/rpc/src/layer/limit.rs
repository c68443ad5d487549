use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::Semaphore;
use tower_layer::Layer;
use tower_service::Service as TowerService;
use underpin_errors::{BoxError, Error};

use super::adapter::ReplyFuture;
use crate::call::Call;
use crate::request::Reply;

/// Limits how many calls run at once in all endpoints that it wraps, and refuses the others at once with
/// [`Kind::ResourceExhausted`](underpin_errors::Kind::ResourceExhausted). Clones share the limit.
///
/// The limit of one endpoint, with a queue, is [`Service::limit`](crate::Service::limit).
#[derive(Clone, Debug)]
pub struct LimitLayer(Arc<Semaphore>);

impl LimitLayer {
    /// A limit for this many calls at once.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))))
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = LimitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LimitService { inner, permits: Arc::clone(&self.0) }
    }
}

/// The service of [`LimitLayer`].
#[derive(Clone, Debug)]
pub struct LimitService<S> {
    inner: S,
    permits: Arc<Semaphore>,
}

impl<S> TowerService<Call> for LimitService<S>
where
    S: TowerService<Call, Response = Reply>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Reply;
    type Error = BoxError;
    type Future = ReplyFuture;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(task).map_err(Into::into)
    }

    fn call(&mut self, call: Call) -> ReplyFuture {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            let busy =
                Error::too_many_requests("the service is overloaded, try again later").code("OVERLOADED");
            return Box::pin(std::future::ready(Err(busy.into())));
        };
        let work = self.inner.call(call);
        Box::pin(async move {
            let _permit = permit;
            work.await.map_err(Into::into)
        })
    }
}
