use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use tower_layer::Layer;
use tower_service::Service as TowerService;
use underpin_errors::{BoxError, Error};

use super::adapter::ReplyFuture;
use crate::call::Call;
use crate::request::Reply;

/// Turns a panic below it into an internal error, so that the layers above see a result. A host contains panics in any case.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CatchPanicLayer;

impl CatchPanicLayer {
    /// The layer.
    pub fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for CatchPanicLayer {
    type Service = CatchPanicService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CatchPanicService(inner)
    }
}

/// The service of [`CatchPanicLayer`].
#[derive(Clone, Debug)]
pub struct CatchPanicService<S>(S);

impl<S> TowerService<Call> for CatchPanicService<S>
where
    S: TowerService<Call, Response = Reply>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Reply;
    type Error = BoxError;
    type Future = ReplyFuture;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(task).map_err(Into::into)
    }

    fn call(&mut self, call: Call) -> ReplyFuture {
        let work = AssertUnwindSafe(self.0.call(call)).catch_unwind();
        Box::pin(async move {
            match work.await {
                Ok(result) => result.map_err(Into::into),
                Err(panic) => Err(Error::internal(crate::panic::text_of(&*panic)).context("panicked").into()),
            }
        })
    }
}
