use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tower_layer::Layer;
use tower_service::Service as TowerService;
use underpin_errors::{BoxError, Error};

use super::adapter::ReplyFuture;
use crate::call::Call;
use crate::deadline;
use crate::request::Reply;

/// Ends calls after a time, or at the deadline of the call, whichever is first: for a part of a stack that must leave time for the
/// rest. The calls that the handler makes end by then too.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer(Duration);

impl DeadlineLayer {
    /// A layer that gives the part below it this much time.
    pub fn new(within: Duration) -> Self {
        Self(within)
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner, within: self.0 }
    }
}

/// The service of [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
    within: Duration,
}

impl<S> TowerService<Call> for DeadlineService<S>
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
        let until = deadline::of_call(Instant::now(), self.within).min(call.deadline());
        let work = deadline::scope(until, self.inner.call(call.with_deadline(until)));
        Box::pin(async move {
            match timeout_at(until, work).await {
                Ok(result) => result.map_err(Into::into),
                Err(_) => Err(Error::timeout("the handler did not finish in the time of its layer").into()),
            }
        })
    }
}
