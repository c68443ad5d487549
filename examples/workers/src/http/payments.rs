//! Payments, for who has no client of NATS.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use underpin_database::{DatabaseExt as _, TxOptions};
use underpin_errors::axum::{Json, Path};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::Context;
use underpin_service::http::openapi::Problem;
use utoipa::ToSchema;
use uuid::Uuid;

use super::App;
use crate::payment::{self, Payment, PaymentView};

/// A payment that will be processed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Accepted {
    id: String,
}

/// Accepts a payment: its event is committed. A repeat under the same `Idempotency-Key` is the same payment.
#[utoipa::path(
    post, path = "/api/v1/payments", tag = "hand over for certain", request_body = Payment,
    params(("idempotency-key" = Option<String>, Header, description = "The id of the payment, 1 to 64 letters, digits, `-` and `_`")),
    responses((status = 202, body = Accepted), (status = 400, body = Problem)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    headers: HeaderMap,
    Json(payment): Json<Payment>,
) -> Result<(StatusCode, Json<Accepted>), Error> {
    payment.cents()?;
    let id = id(&headers)?;
    let event = payment.event(&id, &ctx).wrap_err(Kind::Internal, "describe the payment")?;
    let (outbox, event) = (&app.outbox, &event);
    app.database
        .with(&ctx)
        .transaction(TxOptions::default(), |tx| async move { outbox.enqueue(&tx, event).await })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { id })))
}

fn id(headers: &HeaderMap) -> Result<String, Error> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(Uuid::now_v7().to_string()) };
    let is_plain = |key: &&str| {
        (1..=64).contains(&key.len()) && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    key.to_str().ok().filter(is_plain).map(str::to_owned).ok_or_else(|| {
        Error::bad_request("the idempotency key is not 1 to 64 letters, digits, `-` and `_`")
            .code("INVALID_IDEMPOTENCY_KEY")
    })
}

/// A payment, with its charge once the gateway has answered.
#[utoipa::path(
    get, path = "/api/v1/payments/{id}", tag = "hand over for certain", params(("id" = String, Path)),
    responses((status = 200, body = PaymentView), (status = 404, body = Problem)),
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<String>,
) -> Result<Json<PaymentView>, Error> {
    let payment = payment::find(&app.database.with(&ctx), &id).await?;
    payment
        .map(Json)
        .ok_or_else(|| Error::not_found("no payment with this id is known yet").code("PAYMENT_NOT_FOUND"))
}
