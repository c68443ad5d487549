//! The progress of a job as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt as _};
use underpin_errors::Error;
use underpin_errors::axum::Path;
use underpin_logger::{Context, warn};
use underpin_service::http::changes;
use underpin_service::http::openapi::Problem;

use super::App;
use super::jobs::{find, parse};
use crate::job::JobView;

/// Between two looks at the table: the job may run in another process.
const LOOK: Duration = Duration::from_millis(200);

/// The job as a stream of events, one for each change, the last one when it has ended.
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}/events", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/event-stream", body = JobView), (status = 404, body = Problem)),
)]
pub(super) async fn watch(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let id = parse(&id)?;
    let first = find(&app, &ctx, id).await?;
    let gate = app.gate.clone();
    let look = move |last: JobView| {
        let (app, ctx) = (Arc::clone(&app), ctx.clone());
        async move {
            if last.status.is_ended() {
                return None;
            }
            let found = find(&app, &ctx, id).await;
            found.inspect_err(|error| warn!(app.log, &ctx, error, "progress cannot be read")).ok()
        }
    };
    let events =
        changes(gate, LOOK, first, look).map(|job| Ok(Event::default().json_data(&job).unwrap_or_default()));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
