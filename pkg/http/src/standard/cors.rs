use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;

use super::cors_settings::CorsSettings;

/// Which origins may call, with the headers that say so.
pub(super) struct Cors {
    any: bool,
    origins: Vec<HeaderValue>,
    credentials: bool,
    methods: HeaderValue,
    headers: HeaderValue,
    expose: Option<HeaderValue>,
    max_age: HeaderValue,
}

impl Cors {
    /// None if no origin may call.
    pub(super) fn new(settings: &CorsSettings) -> Option<Self> {
        let value = |text: String| HeaderValue::from_str(&text).ok();
        Some(Self {
            any: settings.origins.iter().any(|origin| origin == "*"),
            origins: settings.origins.iter().filter_map(|origin| value(origin.clone())).collect(),
            credentials: settings.credentials,
            methods: value(settings.methods.join(", "))?,
            headers: value(settings.headers.join(", "))?,
            expose: value(settings.expose.join(", ")).filter(|names| !names.is_empty()),
            max_age: HeaderValue::from(settings.max_age.as_secs()),
        })
        .filter(|cors| !cors.origins.is_empty())
    }

    /// The answer to a preflight; none for another request.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        let asks = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() != Method::OPTIONS || !asks || !request.headers().contains_key(ORIGIN) {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        if self.allow(request.headers().get(ORIGIN), headers) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
            headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        }
        headers.append(VARY, HeaderValue::from_static("access-control-request-method"));
        headers.append(VARY, HeaderValue::from_static("access-control-request-headers"));
        Some(response)
    }

    /// Lets the page of this origin read the response, if it may.
    pub(super) fn put(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.allow(origin, headers)
            && let Some(expose) = &self.expose
        {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }

    fn allow(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
        if !self.any {
            // Also without an origin: a cache must not serve this response to a page.
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
        let Some(origin) = origin.filter(|origin| self.any || self.origins.contains(origin)) else {
            return false;
        };
        let allowed = if self.any { HeaderValue::from_static("*") } else { origin.clone() };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        true
    }
}
