//! Upload in one request, lists and deletion.
#![allow(unused_qualifications, reason = "utoipa writes paths in full")]

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use underpin_errors::Error;
use underpin_errors::axum::{Json, Path, Query};
use underpin_logger::Context;
use underpin_service::http::openapi::Problem;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{App, header, parse};
use crate::file::{FileRecord, NewFile};

/// How the file is called.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct NameQuery {
    /// 1 to 255 bytes, without slashes.
    #[serde(default)]
    name: String,
}

/// Stores the body as a file. Created is committed; a body that ends early leaves nothing.
#[utoipa::path(
    post, path = "/api/v1/files", tag = "files",
    params(NameQuery), request_body(content = String, content_type = "application/octet-stream", description = "the data"),
    responses((status = 201, body = FileRecord), (status = 400, body = Problem), (status = 413, body = Problem)),
)]
pub(super) async fn upload(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Query(query): Query<NameQuery>,
    request: Request,
) -> Result<impl IntoResponse, Error> {
    let (head, body) = request.into_parts();
    let new = NewFile::new(query.name, header(&head.headers, "content-type"))?;
    let file = app.files.upload(&ctx, &new, body).await?;
    let location = format!("/api/v1/files/{}", file.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(file)))
}

/// Which files to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// 1 to 100; 20 if absent.
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of files; without `next_cursor` it is the last one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listing {
    files: Vec<FileRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Files, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/files", tag = "files", params(ListQuery),
    responses((status = 200, body = Listing), (status = 400, body = Problem)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Listing>, Error> {
    let invalid = |text: &'static str| Error::bad_request(text).code("INVALID_QUERY");
    let limit = query.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(invalid("limit must be from 1 to 100"));
    }
    let after = query.cursor.map_or(Ok(Uuid::nil()), |cursor| cursor.parse());
    let after = after.map_err(|_| invalid("cursor must be the next_cursor of a page before"))?;
    // One more, to know whether there is another page.
    let mut files = app.files.table.list(&ctx, after, limit as u64 + 1).await?;
    let more = files.len() > limit;
    files.truncate(limit);
    let next_cursor = files.last().filter(|_| more).map(|file| file.id.to_string());
    Ok(Json(Listing { files, next_cursor }))
}

/// Deletes a file.
#[utoipa::path(
    delete, path = "/api/v1/files/{id}", tag = "files", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)),
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    app.files.delete(&ctx, parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
