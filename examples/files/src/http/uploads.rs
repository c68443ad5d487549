//! Upload by a signed link: initiate, send, complete.
#![allow(unused_qualifications, reason = "utoipa writes paths in full")]

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use underpin_errors::Error;
use underpin_errors::axum::{Json, Path, Query};
use underpin_logger::Context;
use underpin_service::http::openapi::Problem;
use utoipa::ToSchema;

use super::{App, parse};
use crate::file::{FileRecord, Initiated, NewFile, UploadLink, parse_digest};

/// A file that somebody will upload.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Announcement {
    name: String,
    /// In bytes.
    size: u64,
    /// In hexadecimal, as `sha256sum` prints it.
    sha256: String,
    content_type: Option<String>,
}

/// Announces a file, and returns the request that uploads it.
#[utoipa::path(
    post, path = "/api/v1/uploads", tag = "uploads", request_body = Announcement,
    responses((status = 201, body = Initiated), (status = 400, body = Problem), (status = 413, body = Problem)),
)]
pub(super) async fn initiate(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Json(announced): Json<Announcement>,
) -> Result<(StatusCode, Json<Initiated>), Error> {
    let new = NewFile::new(announced.name, announced.content_type.as_deref())?;
    let digest = parse_digest(&announced.sha256)
        .ok_or_else(|| Error::bad_request("sha256 is not 64 hexadecimal digits").code("INVALID_DIGEST"))?;
    Ok((StatusCode::CREATED, Json(app.files.initiate(&ctx, &new, (announced.size, digest)).await?)))
}

/// Takes the data of a link of this service. Again, it replaces the data with the same data.
#[utoipa::path(
    put, path = "/api/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path), ("expires" = i64, Query), ("signature" = String, Query)),
    request_body(content = String, content_type = "application/octet-stream", description = "the data"),
    responses((status = 204), (status = 400, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn receive(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<String>,
    Query(link): Query<UploadLink>,
    request: Request,
) -> Result<StatusCode, Error> {
    let (head, body) = request.into_parts();
    app.files.accept(&ctx, parse(&id)?, &link, (&head.headers, body)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Compares what was uploaded with what was announced, and makes it a file.
#[utoipa::path(
    post, path = "/api/v1/uploads/{id}/complete", tag = "uploads", params(("id" = String, Path)),
    responses((status = 200, body = FileRecord), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub(super) async fn complete(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<String>,
) -> Result<Json<FileRecord>, Error> {
    app.files.complete(&ctx, parse(&id)?).await.map(Json)
}
