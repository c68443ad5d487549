//! The statistics of the page as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt as _};
use underpin_errors::Error;
use underpin_logger::{Context, debug};
use underpin_service::http::changes;
use underpin_service::http::openapi::Problem;

use super::App;
use super::stats::Overview;

/// Between two looks at the tables: another process may have counted.
const LOOK: Duration = Duration::from_millis(250);

/// What `/api/v1/stats` returns, now and whenever it changes.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "statistics",
    responses(
        (status = 200, content_type = "text/event-stream", body = Overview), (status = 429, body = Problem), (status = 503, body = Problem),
    ),
)]
pub(super) async fn watch(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let first = Overview::read(&app, &ctx).await?;
    let gate = app.gate.clone();
    let look = move |last: Overview| {
        let (app, ctx) = (Arc::clone(&app), ctx.clone());
        async move {
            // A page keeps what it shows while the database is away, of which health and log tell.
            let found = Overview::read(&app, &ctx).await;
            let found = found.inspect_err(|error| debug!(app.log, &ctx, error, "statistics cannot be read"));
            Some(found.unwrap_or(last))
        }
    };
    let events = changes(gate, LOOK, first, look)
        .map(|overview| Ok(Event::default().json_data(&overview).unwrap_or_default()));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
