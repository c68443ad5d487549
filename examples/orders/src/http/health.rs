//! Liveness and readiness.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use underpin_errors::axum::Json;
use underpin_errors::{Health, HealthCheck, HealthReport};
use underpin_events::Subscription;

use crate::app::App;

/// `GET /health/live`: the process answers. It checks no dependency: a database that is down must not restart every replica.
pub(super) async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({"status": "up"}))
}

/// `GET /health/ready`: 503 when no order can be taken, else 200; each component is named with its state.
pub(super) async fn ready(State(app): State<Arc<App>>) -> HealthReport {
    app.checks.run().await
}

/// A subscription under another name than that of its durable.
pub(crate) struct Named(pub(crate) &'static str, pub(crate) Arc<dyn Subscription>);

#[async_trait]
impl HealthCheck for Named {
    fn name(&self) -> &str {
        self.0
    }

    async fn check(&self) -> Health {
        self.1.check().await
    }
}
