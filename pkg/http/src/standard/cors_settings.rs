use std::time::Duration;

use axum::http::{HeaderName, Method};
use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, duration};

/// Cross-origin requests of web pages: a block of the settings. Without origins there are no CORS headers.
///
/// # Examples
/// ```
/// use underpin_http::CorsSettings;
///
/// let cors = CorsSettings::default().origins(["https://shop.example"]);
/// assert_eq!(cors.origins, ["https://shop.example"]);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CorsSettings {
    /// The origins that may call, such as `https://shop.example`, or `*` for all. Default: none.
    pub origins: Vec<String>,
    /// The methods that they may use. Default: those of an API.
    pub methods: Vec<String>,
    /// The request headers that they may send. Default: content type, authorization, idempotency key, request id and trace.
    pub headers: Vec<String>,
    /// The response headers that they may read. Default: request id, retry delay and location.
    pub expose: Vec<String>,
    /// Whether browsers may send cookies. Not with `*`. Default: false.
    pub credentials: bool,
    /// How long a browser may keep the answer to a preflight. Default: 10 min.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub max_age: Duration,
}

impl CorsSettings {
    underpin_config::setters! {
        /// See [`origins`](Self::origins).
        origins: impl IntoIterator<Item = impl Into<String>> => origins.into_iter().map(Into::into).collect();
        /// See [`methods`](Self::methods).
        methods: impl IntoIterator<Item = impl Into<String>> => methods.into_iter().map(Into::into).collect();
        /// See [`headers`](Self::headers).
        headers: impl IntoIterator<Item = impl Into<String>> => headers.into_iter().map(Into::into).collect();
        /// See [`expose`](Self::expose).
        expose: impl IntoIterator<Item = impl Into<String>> => expose.into_iter().map(Into::into).collect();
        /// See [`max_age`](Self::max_age).
        max_age: Duration => max_age;
    }

    /// See [`credentials`](Self::credentials).
    #[must_use]
    pub fn with_credentials(mut self) -> Self {
        self.credentials = true;
        self
    }
}

impl Default for CorsSettings {
    fn default() -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            origins: Vec::new(),
            methods: owned(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
            headers: owned(&[
                "content-type",
                "authorization",
                "idempotency-key",
                "x-request-id",
                "traceparent",
                "tracestate",
            ]),
            expose: owned(&["x-request-id", "retry-after", "location"]),
            credentials: false,
            max_age: Duration::from_secs(600),
        }
    }
}

impl Validate for CorsSettings {
    fn validate(&self, checks: &mut Checks) {
        let any = self.origins.iter().any(|origin| origin == "*");
        let rule = "must be * alone, or origins such as https://shop.example without a path";
        let all_fit = self.origins.iter().all(|origin| is_origin(origin)) || self.origins == ["*"];
        checks.ensure(all_fit, "origins", rule);
        checks.ensure(!(any && self.credentials), "credentials", "must be off while origins has *");
        let is_method = |text: &String| Method::from_bytes(text.as_bytes()).is_ok();
        checks.ensure(self.methods.iter().all(is_method), "methods", "must be HTTP methods");
        let is_header = |text: &String| HeaderName::from_bytes(text.as_bytes()).is_ok();
        checks.ensure(self.headers.iter().all(is_header), "headers", "must be names of headers");
        checks.ensure(self.expose.iter().all(is_header), "expose", "must be names of headers");
    }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ', '?', '#']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_alone_and_without_credentials() {
        let is_valid = |settings: CorsSettings| Checks::of(&settings).failures().is_empty();
        assert!(is_valid(CorsSettings::default()));
        assert!(is_valid(CorsSettings::default().origins(["*"])));
        assert!(is_valid(CorsSettings::default().origins(["http://localhost:3000"]).with_credentials()));
        assert!(!is_valid(CorsSettings::default().origins(["*"]).with_credentials()));
        for origin in ["shop.example", "https://", "https://*.example", "https://shop.example/"] {
            assert!(!is_valid(CorsSettings::default().origins([origin])), "{origin}");
        }
        assert!(!is_valid(CorsSettings::default().origins(["https://a.example", "*"])));
    }
}
