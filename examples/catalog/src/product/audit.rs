use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use underpin_logger::Context;
use utoipa::ToSchema;

use super::{Product, now};

/// What was done to a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumIter, DeriveActiveEnum, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Action {
    /// Its first version.
    Created,
    /// One version more.
    Updated,
    /// It is gone.
    Deleted,
}

/// An entry of the audit trail, one for each version of a product. It commits with the change: there is none without the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// What was done.
    pub action: Action,
    /// The product after it. A deletion is a version, too.
    pub product: Product,
    /// The request that did it: the log has its caller under this id.
    pub request_id: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = "date-time")]
    pub at: OffsetDateTime,
}

impl AuditEntry {
    /// What a request did now.
    pub fn new(action: Action, product: Product, ctx: &Context) -> Self {
        let request_id = ctx.request_id().map(ToString::to_string).unwrap_or_default();
        Self { action, product, request_id, at: now() }
    }
}
