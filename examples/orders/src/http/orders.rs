//! Placing and reading orders.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use underpin_errors::Error;
use underpin_errors::axum::{Json, Path, Query};
use underpin_logger::Context;
use uuid::Uuid;

use super::input;
use crate::app::App;
use crate::order::{Order, OrderDraft};
use crate::store::stats::Stats;

/// `POST /orders`: 201 with the order. A repeat under the same `Idempotency-Key` gets the very same answer, and the
/// header `Idempotency-Replayed: true`.
pub(super) async fn place(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Error> {
    let key = input::idempotency_key(&headers)?;
    let draft = OrderDraft::from_json(&body)?;
    let placed = app.place(&ctx, draft, key).await?;
    let location = format!("/orders/{}", placed.order.id);
    let mut response = (StatusCode::CREATED, [(LOCATION, location)], Json(placed.order)).into_response();
    if placed.replayed {
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// `GET /orders/{id}`. Ids are opaque to callers: what is no UUID is no order.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<String>,
) -> Result<Json<Order>, Error> {
    let order = match Uuid::try_parse(&id) {
        Ok(id) => app.order(&ctx, id).await?,
        Err(_) => None,
    };
    order.map(Json).ok_or_else(|| Error::not_found("there is no order with this id").code("ORDER_NOT_FOUND"))
}

/// `GET /orders?customer=&limit=&cursor=`, newest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Listing>, Error> {
    let (orders, next) = app.orders(&ctx, &input::page(&query)?).await?;
    Ok(Json(Listing { orders, next_cursor: next.map(|cursor| cursor.to_string()) }))
}

/// A page of orders; without `next_cursor` it is the last one.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    orders: Vec<Order>,
    next_cursor: Option<String>,
}

/// `GET /stats`: the projection, which follows the events and so trails the orders by a moment.
pub(super) async fn stats(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
) -> Result<Json<Stats>, Error> {
    Ok(Json(app.stats(&ctx).await?))
}
