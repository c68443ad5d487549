use std::time::Duration;

use axum::http::header::{
    CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The security headers of every response. A header that a handler set stays.
pub(super) struct SecurityHeaders(Vec<(HeaderName, HeaderValue)>);

impl SecurityHeaders {
    pub(super) fn new(hsts: Option<Duration>) -> Self {
        let fixed = [
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
            (REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ];
        let mut headers: Vec<_> =
            fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
        let hsts = hsts.map(|age| HeaderValue::from_str(&format!("max-age={}", age.as_secs())));
        headers.extend(hsts.and_then(Result::ok).map(|value| (STRICT_TRANSPORT_SECURITY, value)));
        Self(headers)
    }

    /// Makes room for all, and for those of the other layers: `vary`, `x-request-id` and `content-length`.
    pub(super) fn reserve(&self, headers: &mut HeaderMap) {
        headers.reserve(self.0.len() + 3);
    }

    pub(super) fn put(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
}
