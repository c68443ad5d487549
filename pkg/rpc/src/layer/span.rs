use std::borrow::Cow;
use std::task::{Context, Poll};

use metrics::{counter, histogram};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service as TowerService;
use underpin_errors::{BoxError, Error, Kind};
use underpin_logger::SpanKind;

use super::adapter::ReplyFuture;
use crate::call::Call;
use crate::request::Reply;
use crate::spans;

/// Runs the part below it in a span of the trace and measures it: `underpin_rpc_span_seconds` and `underpin_rpc_spans_total`, by `span`
/// and outcome. A host measures each endpoint in any case.
#[derive(Clone, Debug)]
pub struct SpanLayer(Cow<'static, str>);

impl SpanLayer {
    /// A layer with the name of its span.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }
}

impl<S> Layer<S> for SpanLayer {
    type Service = SpanService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SpanService { inner, name: self.0.clone() }
    }
}

/// The service of [`SpanLayer`].
#[derive(Clone, Debug)]
pub struct SpanService<S> {
    inner: S,
    name: Cow<'static, str>,
}

impl<S> TowerService<Call> for SpanService<S>
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
        let (name, began) = (self.name.clone(), Instant::now());
        let mut span = call.context().span("rpc layer", SpanKind::Internal);
        span.rename(|| name.clone());
        let ctx = span.ctx().clone();
        let work = ctx.scope(self.inner.call(call.with_context(ctx.clone())));
        Box::pin(async move {
            let result: Result<Reply, BoxError> = work.await.map_err(Into::into);
            let error = result.as_ref().err().map(|error| error.downcast_ref::<Error>());
            spans::end(&mut span, error.flatten());
            let outcome = error.map_or("OK", |error| error.map_or(Kind::Internal, Error::kind).code());
            histogram!("underpin_rpc_span_seconds", "span" => name.clone()).record(began.elapsed());
            counter!("underpin_rpc_spans_total", "span" => name, "outcome" => outcome).increment(1);
            result
        })
    }
}
