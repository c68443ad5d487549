use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service as TowerService;
use underpin_errors::{BoxError, Error};
use underpin_logger::{Logger, info};

use super::adapter::ReplyFuture;
use crate::call::Call;
use crate::request::Reply;

/// Logs one line a request: endpoint, code, latency in milliseconds and sizes, with the request id and the trace of the call.
///
/// The line is at info level whatever the outcome: the host logs failures, with their causes. A request that is dropped (its deadline
/// passed, or the instance was cut) is logged as `rpc request dropped`.
#[derive(Clone)]
pub struct LogLayer(Arc<dyn Logger>);

impl LogLayer {
    /// A layer that logs to `log`.
    pub fn new(log: Arc<dyn Logger>) -> Self {
        Self(log)
    }
}

impl fmt::Debug for LogLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogLayer")
    }
}

impl<S> Layer<S> for LogLayer {
    type Service = LogService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LogService { inner, log: Arc::clone(&self.0) }
    }
}

/// The service of [`LogLayer`].
#[derive(Clone)]
pub struct LogService<S> {
    inner: S,
    log: Arc<dyn Logger>,
}

impl<S> fmt::Debug for LogService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogService")
    }
}

impl<S> TowerService<Call> for LogService<S>
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
        let mut line =
            Line { call: call.clone(), log: Arc::clone(&self.log), began: Instant::now(), ended: false };
        let work = self.inner.call(call);
        Box::pin(async move {
            let result = work.await.map_err(Into::into);
            line.ended(&result);
            result
        })
    }
}

/// Logs when the request ends, however it does.
struct Line {
    call: Call,
    log: Arc<dyn Logger>,
    began: Instant,
    ended: bool,
}

impl Line {
    fn ended(&mut self, result: &Result<Reply, BoxError>) {
        self.ended = true;
        let (log, ctx, endpoint) = (&self.log, self.call.context(), self.call.endpoint().subject());
        let (latency_ms, request_bytes) = (self.latency_ms(), self.call.body().len());
        match result {
            Ok(reply) => {
                let reply_bytes = reply.body.len();
                info!(log, ctx, "rpc request", endpoint, code = "OK", latency_ms, request_bytes, reply_bytes);
            }
            Err(error) => {
                let code = error.downcast_ref::<Error>().map_or("INTERNAL", Error::error_code);
                info!(log, ctx, "rpc request", endpoint, code, latency_ms, request_bytes);
            }
        }
    }

    fn latency_ms(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1000.0
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.ended {
            let (log, ctx, endpoint) = (&self.log, self.call.context(), self.call.endpoint().subject());
            let latency_ms = self.latency_ms();
            info!(log, ctx, "rpc request dropped", endpoint, latency_ms);
        }
    }
}
