//! New links, and the redirect.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use underpin_errors::Error;
use underpin_errors::axum::{Json, Path};
use underpin_logger::Context;
use underpin_service::http::openapi::Problem;

use super::App;
use crate::link::{NewLink, Stored};
use crate::shortener::ShortLink;

/// Stores a link. A repeat with the same code and URL is the same link.
#[utoipa::path(
    post, path = "/api/v1/shorten", tag = "links", request_body = NewLink,
    responses(
        (status = 201, body = ShortLink), (status = 200, body = ShortLink, description = "It was stored before"),
        (status = 400, body = Problem), (status = 409, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem),
    ),
)]
pub(super) async fn shorten(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Json(new): Json<NewLink>,
) -> Result<impl IntoResponse, Error> {
    let (link, stored) = app.shortener.shorten(&ctx, &new).await?;
    let status = match stored {
        Stored::Now => StatusCode::CREATED,
        Stored::Before => StatusCode::OK,
    };
    Ok((status, [(LOCATION, link.short_url.clone())], Json(link)))
}

/// Sends a visitor on. The status is 302 and not 301, and nothing is stored on the way: a browser that remembers a redirect asks, and counts,
/// no second time.
#[utoipa::path(
    get, path = "/{shortCode}", tag = "links", params(("shortCode" = String, Path)),
    responses((status = 302), (status = 404, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)),
)]
pub(super) async fn redirect(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    method: Method,
    Path(code): Path<String>,
) -> Result<impl IntoResponse, Error> {
    let link = app.shortener.find(&code).await?;
    // A HEAD asks where it leads.
    if method == Method::GET {
        app.shortener.click(&ctx, &link).await;
    }
    Ok((StatusCode::FOUND, [(LOCATION, link.url), (CACHE_CONTROL, "no-store".to_owned())]))
}
