//! Jobs.
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
use underpin_jobs::{CancelOutcome, JobFilter, JobId};
use underpin_logger::Context;
use underpin_service::http::openapi::Problem;
use utoipa::{IntoParams, ToSchema};

use super::App;
use crate::job::{self, JobView, NewJob, StatusFilter};

/// Stores a job. Accepted is committed.
#[utoipa::path(
    post, path = "/api/v1/jobs", tag = "jobs", request_body = NewJob,
    responses((status = 202, body = JobView), (status = 400, body = Problem)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Json(new): Json<NewJob>,
) -> Result<impl IntoResponse, Error> {
    new.check()?;
    let job = new.enqueue(&app.jobs, &ctx).await?;
    Ok((StatusCode::ACCEPTED, [(LOCATION, format!("/api/v1/jobs/{}", job.id()))], Json(job)))
}

/// A job with its progress.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = JobView), (status = 404, body = Problem)),
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Error> {
    find(&app, &ctx, parse(&id)?).await.map(Json)
}

/// Cancels a job: one that waits at once, one that runs at its next heartbeat.
#[utoipa::path(
    delete, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path)),
    responses((status = 202), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
pub(super) async fn cancel(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<StatusCode, Error> {
    match app.jobs.cancel(parse(&id)?).await? {
        CancelOutcome::Unknown => Err(missing()),
        CancelOutcome::Ended => Err(Error::conflict("the job has ended").code("JOB_ENDED")),
        _ => Ok(StatusCode::ACCEPTED),
    }
}

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    status: Option<StatusFilter>,
    r#type: Option<String>,
    /// 1 to 100; 20 if absent.
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of jobs; without `next_cursor` it is the last one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listing {
    jobs: Vec<JobView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Jobs, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/jobs", tag = "jobs", params(ListQuery),
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
    let after = query.cursor.map(|cursor| cursor.parse::<JobId>()).transpose();
    let after = after.map_err(|_| invalid("cursor must be the next_cursor of a page before"))?;
    let mut filter = JobFilter::default();
    if let Some(status) = query.status {
        filter = filter.state(status.state());
    }
    if let Some(kind) = query.r#type {
        filter = filter.kind(kind);
    }
    let database = app.database.with(&ctx);
    // One more, to know whether there is another page.
    let mut jobs = job::list(&app.jobs, &database, &filter, after, limit + 1).await?;
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    let next_cursor = jobs.last().filter(|_| more).map(|job| job.id().to_owned());
    Ok(Json(Listing { jobs, next_cursor }))
}

/// The job with this id.
pub(super) async fn find(app: &App, ctx: &Context, id: JobId) -> Result<JobView, Error> {
    job::view(&app.jobs, &app.database.with(ctx), id).await?.ok_or_else(missing)
}

/// Ids are opaque to callers: what is no id is no job.
pub(super) fn parse(id: &str) -> Result<JobId, Error> {
    id.parse().map_err(|_| missing())
}

fn missing() -> Error {
    Error::not_found("there is no job with this id").code("JOB_NOT_FOUND")
}
