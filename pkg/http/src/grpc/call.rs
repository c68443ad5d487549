use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;
use underpin_errors::Error;
use underpin_logger::{Context, Logger, Span, debug, error, info};

use super::meters;
use super::status::StatusCode;
use crate::panics;

/// A call in progress: however it ends, it is logged and counted once.
pub(super) struct Call {
    log: Arc<dyn Logger>,
    span: Span,
    method: String,
    started: Instant,
    is_quiet: bool,
    is_finished: bool,
    /// None for calls outside of the limit.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Call {
    pub(super) fn new(
        log: Arc<dyn Logger>,
        mut span: Span,
        path: &str,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        meters::active().increment(1.0);
        let method = path.trim_start_matches('/').to_owned();
        span.set("rpc.system", "grpc");
        span.set("rpc.method", method.as_str());
        let is_quiet = method.starts_with("grpc.health.v1.");
        Self { log, span, method, started: Instant::now(), is_quiet, is_finished: false, _permit: permit }
    }

    pub(super) fn ctx(&self) -> &Context {
        self.span.ctx()
    }

    pub(super) fn finish(&mut self, code: StatusCode) {
        if std::mem::replace(&mut self.is_finished, true) {
            return;
        }
        let (took, name) = (self.started.elapsed(), code.name());
        meters::call(&self.method, name, took);
        self.span.set("rpc.response.status_code", name);
        let (ctx, method) = (self.span.ctx(), self.method.as_str());
        if code.is_server_fault() {
            let failed = Error::internal(name);
            error!(self.log, ctx, &failed, "call", method = method, code = name, latency_ms = took);
            self.span.fail_with(|| name);
        } else if self.is_quiet {
            debug!(self.log, ctx, "call", method = method, code = name, latency_ms = took);
        } else {
            info!(self.log, ctx, "call", method = method, code = name, latency_ms = took);
        }
    }

    pub(super) fn panicked(&mut self, panic: &Error) {
        panics::count("grpc");
        error!(self.log, self.span.ctx(), panic, "call panicked", method = self.method.as_str());
        self.finish(StatusCode::INTERNAL);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.finish(StatusCode::CANCELLED);
        meters::active().decrement(1.0);
    }
}
