//! The calls of the service `file`, for who has no client of NATS.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;
use underpin_errors::Error;
use underpin_errors::axum::{Json, Path};
use underpin_logger::Context;
use underpin_rpc::CallerExt as _;
use underpin_service::http::openapi::Problem;

use super::App;
use crate::user_setting::{ARCHIVE, Named, READ, SAVE, SaveFile, SavedFile};

/// Settings, by a call of `file.read`.
#[utoipa::path(
    get, path = "/api/v1/user-settings/{filename}", tag = "user settings", params(("filename" = String, Path)),
    responses((status = 200, body = Value), (status = 400, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(filename): Path<String>,
) -> Result<Json<Value>, Error> {
    Ok(Json(app.caller.ask(&READ, &ctx, &Named { filename }).await?))
}

/// Saves settings, by a call of `file.save`.
#[utoipa::path(
    put, path = "/api/v1/user-settings/{filename}", tag = "user settings", params(("filename" = String, Path)),
    request_body = Value,
    responses((status = 200, body = SavedFile), (status = 400, body = Problem)),
)]
pub(super) async fn save(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(filename): Path<String>,
    Json(content): Json<Value>,
) -> Result<Json<SavedFile>, Error> {
    Ok(Json(app.caller.ask(&SAVE, &ctx, &SaveFile { filename, content }).await?))
}

/// Archives settings, by `file.archive`. Accepted is not archived: the request may be lost.
#[utoipa::path(
    post, path = "/api/v1/user-settings/{filename}/archive", tag = "user settings", params(("filename" = String, Path)),
    responses((status = 202), (status = 400, body = Problem)),
)]
pub(super) async fn archive(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(filename): Path<String>,
) -> Result<StatusCode, Error> {
    let named = Named { filename };
    named.check()?;
    app.caller.tell(&ARCHIVE, &ctx, &named).await?;
    Ok(StatusCode::ACCEPTED)
}
