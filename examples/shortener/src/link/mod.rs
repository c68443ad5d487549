//! Links: a code, a target, and the bucket in which a code is taken once.

mod code;
mod links;
mod moment;
mod target;

use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

pub(crate) use code::Code;
pub(crate) use links::{LINKS, Links, Stored};
pub(crate) use moment::{now, optional_rfc3339, rfc3339};
pub(crate) use target::HttpAddress;

/// The body of `POST /api/v1/shorten` and of `api.createOrder`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLink {
    /// Where the link leads: `http` or `https`.
    url: String,
    /// 4 to 32 letters, digits, `-` and `_`; a random code if absent.
    #[serde(default)]
    short_code: Option<String>,
    /// After how many seconds it ends.
    #[serde(default)]
    ttl_seconds: Option<u64>,
}

/// A link, as the bucket and the events have it. It never changes. Its id tells it from an earlier link with the same code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) id: Uuid,
    pub(crate) code: String,
    pub(crate) url: String,
    /// Milliseconds since 1970, as all times here.
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
}

impl Link {
    fn new(code: &Code, url: &str, ttl: Duration) -> Self {
        let created_at = now();
        let expires_at = created_at.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        Self {
            id: Uuid::now_v7(),
            code: code.as_str().to_owned(),
            url: url.to_owned(),
            created_at,
            expires_at,
        }
    }
}
