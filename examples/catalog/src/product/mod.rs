//! A product, and what is told about it.

mod audit;
mod change;
mod page;

use sea_orm::FromJsonQueryResult;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

pub use audit::{Action, AuditEntry};
pub use change::Change;
pub use page::{Listing, Page, PageQuery};

/// A product as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult, ToSchema)]
pub struct Product {
    /// A UUID of version 7: the order of ids is the order of creation.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// 1 to 200 characters.
    pub name: String,
    /// At most 2000 characters.
    pub description: String,
    /// In cents.
    pub price_cents: i64,
    /// From 1, one more with each update.
    pub version: i64,
    /// When it was created, in milliseconds.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = "date-time")]
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = "date-time")]
    pub updated_at: OffsetDateTime,
}

impl Product {
    /// The first version.
    pub fn new(change: &Change) -> Self {
        let now = now();
        Self {
            id: Uuid::now_v7(),
            name: change.name.clone(),
            description: change.description.clone(),
            price_cents: change.price_cents,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

/// A product and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// The product.
    pub product: Product,
    /// Whether no query was made for it.
    pub from_cache: bool,
}

/// The time in whole milliseconds, which both databases keep.
pub(crate) fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_millisecond(now.millisecond()).unwrap_or(now)
}
