use std::sync::Arc;

use http::{HeaderValue, Response, StatusCode, header};
use underpin_errors::Error;

use super::limiter::{Quota, RateDecision};

/// A decision of a limiter, for the answer to a request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LimitReport<'a> {
    /// The name of the limit.
    pub name: &'a str,
    /// What may be taken.
    pub quota: &'a Quota,
    /// The decision.
    pub decision: &'a RateDecision,
}

/// How a kind of service refuses a request, and reports the remaining quota.
pub trait Refuse<Response, E>: Send + 'static {
    /// The answer to a request that was refused.
    ///
    /// # Errors
    /// Where the service refuses by an error.
    fn refuse(error: Error, decided: Option<LimitReport<'_>>) -> Result<Response, E>;

    /// Adds what is left to the answer of a request that passed.
    fn annotate(_response: &mut Response, _report: LimitReport<'_>) {}
}

/// By a response: status 429, `application/problem+json`, `Retry-After`, `RateLimit` and `RateLimit-Policy`
/// (draft-ietf-httpapi-ratelimit-headers), which have a line for each of several layers. The error is in the extensions as `Arc<Error>`, as
/// in the responses of handlers.
#[derive(Clone, Copy, Debug)]
pub struct RefuseHttp;

impl<B: From<String>, E> Refuse<Response<B>, E> for RefuseHttp {
    fn refuse(error: Error, decided: Option<LimitReport<'_>>) -> Result<Response<B>, E> {
        let body = serde_json::to_string(&error.to_problem()).unwrap_or_default();
        let mut response = Response::new(B::from(body));
        *response.status_mut() =
            StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(delay) = error.retry_delay() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(delay)));
        }
        if let Some(report) = decided {
            <Self as Refuse<Response<B>, E>>::annotate(&mut response, report);
        }
        response.extensions_mut().insert(Arc::new(error));
        Ok(response)
    }

    fn annotate(response: &mut Response<B>, LimitReport { name, quota, decision }: LimitReport<'_>) {
        let left = format!("\"{name}\";r={};t={}", decision.remaining, seconds(decision.reset_after));
        let policy = format!("\"{name}\";q={};w={}", quota.limit, seconds(quota.window));
        for (name, value) in [("ratelimit", left), ("ratelimit-policy", policy)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
    }
}

/// Rounded up, so that a client that waits as long is allowed.
fn seconds(delay: std::time::Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
}

/// By an error of the service, made from an [`Error`]: for rpc.
#[derive(Clone, Copy, Debug)]
pub struct RefuseWithError;

impl<Response, E: From<Error>> Refuse<Response, E> for RefuseWithError {
    fn refuse(error: Error, _decided: Option<LimitReport<'_>>) -> Result<Response, E> {
        Err(error.into())
    }
}
