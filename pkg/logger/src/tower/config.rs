use std::sync::Arc;

use http::HeaderMap;

use super::headers;
use crate::{Context, Logger, RequestId};

/// What a [`RequestLayer`](super::RequestLayer) and its services share.
#[derive(Clone)]
pub(super) struct RequestConfig {
    pub(super) log: Arc<dyn Logger>,
    /// Paths that are logged at debug level.
    pub(super) quiet: Vec<String>,
    pub(super) fresh_ids: bool,
    #[cfg(feature = "json")]
    pub(super) recorder: Option<usize>,
}

impl RequestConfig {
    pub(super) const fn new(log: Arc<dyn Logger>) -> Self {
        Self {
            log,
            quiet: Vec::new(),
            fresh_ids: false,
            #[cfg(feature = "json")]
            recorder: None,
        }
    }

    /// The context of the caller, from its headers.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Context {
        let caller =
            if self.fresh_ids { Context::new(RequestId::generate()) } else { headers::extract(headers) };
        #[cfg(feature = "json")]
        if let Some(capacity) = self.recorder {
            return caller.with_flight_recorder(capacity);
        }
        caller
    }

    pub(super) fn is_quiet(&self, path: &str) -> bool {
        self.quiet.iter().any(|quiet| {
            let rest = path.strip_prefix(quiet.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}
