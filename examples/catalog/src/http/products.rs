#![allow(unused_qualifications, reason = "utoipa writes paths in full")]

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use underpin_errors::Error;
use underpin_errors::axum::{Json, Path, Query};
use underpin_logger::Context;
use underpin_service::http::openapi::Problem;
use utoipa::{IntoParams, ToSchema};

use crate::{AuditEntry, Change, Found, Listing, PageQuery, Product, Products};

type App = State<Arc<Products>>;
type Ctx = Extension<Context>;

/// Products, the newest first.
#[utoipa::path(
    get, path = "/api/v1/products", tag = "products", params(PageQuery),
    responses((status = 200, body = Listing), (status = 400, body = Problem)),
)]
pub(super) async fn list(
    State(products): App,
    Extension(ctx): Ctx,
    Query(query): Query<PageQuery>,
) -> Result<Json<Listing>, Error> {
    products.list(&ctx, &query).await.map(Json)
}

/// Adds a product.
#[utoipa::path(
    post, path = "/api/v1/products", tag = "products", request_body = Change,
    responses((status = 201, body = Product), (status = 400, body = Problem)),
)]
pub(super) async fn create(
    State(products): App,
    Extension(ctx): Ctx,
    Json(change): Json<Change>,
) -> Result<impl IntoResponse, Error> {
    let product = products.create(&ctx, &change).await?;
    let location = format!("/api/v1/products/{}", product.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(product)))
}

/// A product.
#[utoipa::path(
    get, path = "/api/v1/products/{id}", tag = "products", params(("id" = String, Path)),
    responses((status = 200, body = Found), (status = 404, body = Problem)),
)]
pub(super) async fn read(
    State(products): App,
    Extension(ctx): Ctx,
    Path(id): Path<String>,
) -> Result<Json<Found>, Error> {
    products.get(&ctx, &id).await.map(Json)
}

/// Replaces what a product says; with `version`, if that is still its version.
#[utoipa::path(
    put, path = "/api/v1/products/{id}", tag = "products", params(("id" = String, Path)), request_body = Change,
    responses(
        (status = 200, body = Product), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem),
    ),
)]
pub(super) async fn update(
    State(products): App,
    Extension(ctx): Ctx,
    Path(id): Path<String>,
    Json(change): Json<Change>,
) -> Result<Json<Product>, Error> {
    products.update(&ctx, &id, &change).await.map(Json)
}

/// Removes a product. Its audit trail stays.
#[utoipa::path(
    delete, path = "/api/v1/products/{id}", tag = "products", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)),
)]
pub(super) async fn delete(
    State(products): App,
    Extension(ctx): Ctx,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    products.delete(&ctx, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which part of an audit trail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// Only versions below this one.
    before: Option<i64>,
}

/// A part of an audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct History {
    /// At most 100, the newest first.
    entries: Vec<AuditEntry>,
}

/// The audit trail of a product, also of a deleted one.
#[utoipa::path(
    get, path = "/api/v1/products/{id}/history", tag = "products", params(("id" = String, Path), HistoryQuery),
    responses((status = 200, body = History), (status = 400, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn history(
    State(products): App,
    Extension(ctx): Ctx,
    Path(id): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<History>, Error> {
    let entries = products.history(&ctx, &id, query.before).await?;
    Ok(Json(History { entries }))
}
