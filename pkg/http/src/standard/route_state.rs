use std::sync::OnceLock;

use axum::extract::MatchedPath;
use underpin_logger::Handles;

use super::durations::Durations;

/// What the requests of one route share.
#[derive(Default)]
pub(super) struct RouteState {
    pub(super) durations: Handles<Durations>,
    /// As the first request found it.
    route: OnceLock<Option<MatchedPath>>,
}

impl RouteState {
    /// The template of the route.
    pub(super) fn route(&self) -> Option<&str> {
        self.route.get()?.as_ref().map(MatchedPath::as_str)
    }

    /// The template that a request matched, where it is another one: the router is nested in several places.
    pub(super) fn other_route(&self, matched: Option<&MatchedPath>) -> Option<MatchedPath> {
        let known = self.route.get_or_init(|| matched.cloned());
        let is_same = known.as_ref().map(MatchedPath::as_str) == matched.map(MatchedPath::as_str);
        matched.filter(|_| !is_same).cloned()
    }
}
