//! The HTTP API: routes, and the layers around them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::{Deserialize, Serialize};
use underpin_database::{DatabaseExt, Pool, TxOptions};
use underpin_errors::axum::{Json, Path, method_not_allowed, route_not_found};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::{Context, Logger, info};
use underpin_outbox::Outbox;
use underpin_service::http::Standard;
use underpin_service::{Gate, HttpSettings};

use crate::note::{Note, NoteAdded, NoteError};
use crate::store;

/// The state that requests share.
pub(crate) struct App {
    pub(crate) database: Pool,
    pub(crate) outbox: Outbox,
    pub(crate) log: Arc<dyn Logger>,
}

/// Every route, inside of the layers that every request passes.
pub(crate) fn router(app: App, settings: &HttpSettings, gate: Gate) -> Router {
    let layers = Standard::new(settings, Arc::clone(&app.log)).health("/health/ready", gate);
    let routes = Router::new()
        .route("/notes", post(add))
        .route("/notes/count", get(count))
        .route("/notes/{id}", get(read))
        .fallback(route_not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Arc::new(app));
    layers.apply(routes)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewNote {
    text: String,
}

/// Stores a note and its event in one transaction: either both are there or neither is.
async fn add(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Json(new): Json<NewNote>,
) -> Result<(StatusCode, Json<Note>), Error> {
    let note = Note::new(new.text)?;
    let event = NoteAdded::event(&note, &ctx).wrap_err(Kind::Internal, "describe the note")?;
    let (outbox, note_ref, event) = (&app.outbox, &note, &event);
    app.database
        .with(&ctx)
        .transaction(TxOptions::default(), |tx| async move {
            store::insert(&tx, note_ref).await?;
            outbox.enqueue(&tx, event).await?;
            Ok::<_, Error>(())
        })
        .await?;
    info!(app.log, &ctx, "note added", note_id = note.id.as_str());
    Ok((StatusCode::CREATED, Json(note)))
}

async fn read(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
    Path(id): Path<String>,
) -> Result<Json<Note>, Error> {
    let note = store::get(&app.database.with(&ctx), &id).await?;
    Ok(Json(note.ok_or(NoteError::Missing)?))
}

#[derive(Serialize)]
struct Count {
    notes: i64,
}

async fn count(
    State(app): State<Arc<App>>,
    Extension(ctx): Extension<Context>,
) -> Result<Json<Count>, Error> {
    Ok(Json(Count { notes: store::count(&app.database.with(&ctx)).await? }))
}
