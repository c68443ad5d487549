//! The two calls, for who has no client of NATS.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use underpin_errors::Error;
use underpin_errors::axum::Json;
use underpin_logger::Context;
use underpin_rpc::CallerExt as _;
use underpin_service::http::openapi::Problem;

use super::App;
use crate::mail::{self, Mail};
use crate::math::{CALCULATE, Calculated, Calculation};

/// Calculates, by a call of `math.calculate`.
#[utoipa::path(
    post, path = "/api/v1/calculations", tag = "ask and wait", request_body = Calculation,
    responses((status = 200, body = Calculated), (status = 400, body = Problem), (status = 503, body = Problem)),
)]
pub(super) async fn calculate(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Json(calculation): Json<Calculation>,
) -> Result<Json<Calculated>, Error> {
    Ok(Json(app.caller.ask(&CALCULATE, &ctx, &calculation).await?))
}

/// Sends a mail, by `email.send`. Accepted is not sent: the mail may be lost.
#[utoipa::path(
    post, path = "/api/v1/emails", tag = "hand over and forget", request_body = Mail,
    responses((status = 202), (status = 400, body = Problem)),
)]
pub(super) async fn email(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Json(mail): Json<Mail>,
) -> Result<StatusCode, Error> {
    mail.check()?;
    app.caller.send(mail::SEND.request(&ctx, &mail)?).await?;
    Ok(StatusCode::ACCEPTED)
}
