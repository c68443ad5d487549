use std::sync::Arc;
use std::time::Instant;

use axum::response::Response;
use underpin_errors::Error;
use underpin_logger::{Context, error};

use super::edge::Observed;
use super::parts::RouteParts;

/// A request until its response is complete.
pub(super) struct InFlight {
    pub(super) route: Arc<RouteParts>,
    pub(super) started: Instant,
    /// Until there is a response.
    observed: Option<Observed>,
    /// The context of a request that the limit counts.
    counted: Option<Context>,
}

impl InFlight {
    pub(super) fn new(route: Arc<RouteParts>) -> Self {
        Self { route, started: Instant::now(), observed: None, counted: None }
    }

    /// The request is recorded once, whatever becomes of it.
    pub(super) fn observe(&mut self, observed: Observed) {
        self.observed = Some(observed);
    }

    /// The limit has counted the request.
    pub(super) fn count(&mut self, ctx: Option<&Context>) {
        self.counted = Some(ctx.cloned().unwrap_or_default());
    }

    /// There is a response; the edge adds what belongs to it.
    pub(super) fn answered(&mut self, response: Response) -> Response {
        match (self.observed.take(), &self.route.parts.edge) {
            (Some(observed), Some(edge)) => edge.close(&observed, &self.route.route, self.started, response),
            _ => response,
        }
    }

    pub(super) fn is_counted(&self) -> bool {
        self.counted.is_some()
    }

    /// The body of the response panicked. Its head is sent by then.
    pub(super) fn body_panicked(&self, panic: &Error) {
        if let (Some(ctx), Some(limit)) = (&self.counted, &self.route.parts.limit) {
            error!(limit.log, ctx, panic, "response body panicked");
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(observed) = self.observed.take() {
            observed.cancelled(&self.route.route, self.started);
        }
        if let (Some(_), Some(limit)) = (&self.counted, &self.route.parts.limit) {
            limit.leave(self.started);
        }
    }
}
