use std::sync::Arc;

use super::edge::Edge;
use super::guard::Guard;
use super::limit::Limit;
use super::route_state::RouteState;

/// The layers below the log line, as many of them as stand side by side, in this order.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) edge: Option<Edge>,
    pub(super) limit: Option<Limit>,
    pub(super) guard: Option<Guard>,
}

/// The layers of one route, and what its requests share. Each route is wrapped on its own.
pub(super) struct RouteParts {
    pub(super) parts: Arc<Parts>,
    pub(super) route: RouteState,
}
