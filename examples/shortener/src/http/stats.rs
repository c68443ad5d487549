//! Statistics.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use serde::Serialize;
use underpin_errors::Error;
use underpin_errors::axum::{Json, Path};
use underpin_logger::Context;
use underpin_service::http::openapi::Problem;
use utoipa::ToSchema;

use super::App;
use crate::click::{LinkStats, Today};

/// The newest links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Overview {
    links: Vec<LinkStats>,
    today: Today,
}

impl Overview {
    pub(super) async fn read(app: &App, ctx: &Context) -> Result<Self, Error> {
        Ok(Self { links: app.shortener.newest(ctx).await?, today: app.shortener.today(ctx).await? })
    }
}

/// The twenty newest links with their clicks, and the sums of today.
#[utoipa::path(
    get, path = "/api/v1/stats", tag = "statistics",
    responses((status = 200, body = Overview), (status = 429, body = Problem), (status = 503, body = Problem)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
) -> Result<Json<Overview>, Error> {
    Overview::read(&app, &ctx).await.map(Json)
}

/// The clicks of a link, also after it has expired.
#[utoipa::path(
    get, path = "/api/v1/stats/{shortCode}", tag = "statistics", params(("shortCode" = String, Path)),
    responses(
        (status = 200, body = LinkStats), (status = 404, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem),
    ),
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(code): Path<String>,
) -> Result<Json<LinkStats>, Error> {
    app.shortener.stats(&ctx, &code).await.map(Json)
}
