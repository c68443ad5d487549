//! Limits: one limiter, counted for each client and for all, as a layer for HTTP and for calls.

mod client;
mod operation;

use std::sync::Arc;

use axum::extract::Request;
use underpin_rpc::Call;
use underpin_store::{Quota, RateLimitLayer, RateLimiter, RefuseHttp, RefuseWithError};

pub(crate) use operation::Operation;

use crate::LimitSettings;

/// Makes the layers.
///
/// The limit of a client lies outside of the limit of all, so that a client that is refused takes nothing from the others.
#[derive(Clone)]
pub(crate) struct Limits {
    limiter: Arc<dyn RateLimiter>,
    settings: LimitSettings,
}

/// The key of the limit of all, over HTTP and NATS together.
const ALL: &str = "all";

impl Limits {
    pub(crate) fn new(limiter: Arc<dyn RateLimiter>, settings: &LimitSettings) -> Self {
        Self { limiter, settings: settings.clone() }
    }

    /// For the routes of an operation: what a network may take.
    pub(crate) fn requests(
        &self,
        operation: Operation,
    ) -> RateLimitLayer<impl Fn(&Request) -> Option<String> + Clone + Send + Sync + use<>, RefuseHttp> {
        let (name, trusted_hops) = (operation.name(), self.settings.trusted_hops);
        let key =
            move |request: &Request| Some(format!("{name}:{}", client::of_request(request, trusted_hops)));
        RateLimitLayer::http(Arc::clone(&self.limiter), self.quota(operation), key)
            .named(name)
            .on_failure(self.settings.on_failure)
    }

    /// For every route: what all take together.
    pub(crate) fn all_requests(
        &self,
    ) -> RateLimitLayer<impl Fn(&Request) -> Option<String> + Clone + Send + Sync + use<>, RefuseHttp> {
        let key = |_: &Request| Some(ALL.to_owned());
        RateLimitLayer::http(Arc::clone(&self.limiter), self.settings.global, key)
            .named("global")
            .on_failure(self.settings.on_failure)
    }

    /// For the endpoint of an operation: what a caller may take.
    pub(crate) fn calls(
        &self,
        operation: Operation,
    ) -> RateLimitLayer<impl Fn(&Call) -> Option<String> + Clone + Send + Sync + use<>, RefuseWithError> {
        let name = operation.name();
        let key = move |call: &Call| Some(format!("{name}:{}", client::of_call(call)));
        RateLimitLayer::with_error(Arc::clone(&self.limiter), self.quota(operation), key)
            .named(name)
            .on_failure(self.settings.on_failure)
    }

    /// For every endpoint: what all take together.
    pub(crate) fn all_calls(
        &self,
    ) -> RateLimitLayer<impl Fn(&Call) -> Option<String> + Clone + Send + Sync + use<>, RefuseWithError> {
        let key = |_: &Call| Some(ALL.to_owned());
        RateLimitLayer::with_error(Arc::clone(&self.limiter), self.settings.global, key)
            .named("global")
            .on_failure(self.settings.on_failure)
    }

    fn quota(&self, operation: Operation) -> Quota {
        match operation {
            Operation::Create => self.settings.create,
            Operation::Read => self.settings.read,
            Operation::Redirect => self.settings.redirect,
        }
    }
}
