use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_telemetry::{ServiceIdentity, Telemetry, TelemetrySettings};

use crate::{Component, Deadline, Metadata, Opened, Opening, Plugin, Stopped, meters};

/// Traces, logs and metrics of the service: open it as the first plugin, so that it is stopped last. The handle is the [`Telemetry`].
///
/// Renders `/metrics` of the admin listener. Spans and log records go to the collector of the settings, or of the `OTEL_*` variables; for the log
/// the [`LoggerSettings`](underpin_logger::LoggerSettings) of the service say `export`. For an operator command the exporter is not started.
///
/// # Examples
/// ```
/// use underpin_service::testing::TestService;
/// use underpin_telemetry::TelemetrySettings;
///
/// # #[tokio::main] async fn main() {
/// let telemetry = std::sync::OnceLock::new();
/// let ended = TestService::new(TelemetrySettings::default())
///     .run(
///         async |start| {
///             let settings = start.settings();
///             telemetry.set(start.plugin(underpin_service::telemetry(&settings)).await?).ok();
///             Ok(())
///         },
///         async |_| {
///             let text = telemetry.get().unwrap().metrics().unwrap().render();
///             assert!(text.contains("underpin_build_info{"), "{text}");
///         },
///     )
///     .await;
/// # let _ = ended;
/// # }
/// ```
pub fn telemetry(settings: &TelemetrySettings) -> TelemetryPlugin {
    TelemetryPlugin { settings: settings.clone() }
}

/// See [`telemetry`].
#[derive(Debug)]
#[must_use = "give it to Start::plugin"]
pub struct TelemetryPlugin {
    settings: TelemetrySettings,
}

impl Plugin for TelemetryPlugin {
    type Handle = Telemetry;

    async fn open(self, opening: &Opening) -> Result<Opened<Telemetry>, Error> {
        let telemetry = if opening.is_serving() {
            let (identity, log) = (identity(&opening.metadata), Arc::clone(&opening.log));
            let started = Telemetry::start(&self.settings, &identity, log);
            started.wrap_err(Kind::Internal, "start the telemetry")?
        } else {
            Telemetry::disabled()
        };
        if let Some(metrics) = telemetry.metrics().cloned() {
            // The first description went to no recorder.
            meters::describe();
            metrics.watch_runtime(Handle::current());
            opening.serve_metrics(move || metrics.render());
        }
        Ok(Opened::new(telemetry.clone(), TelemetryComponent(telemetry)))
    }
}

fn identity(metadata: &Metadata) -> ServiceIdentity {
    ServiceIdentity::new(&*metadata.name, &*metadata.version)
        .commit(metadata.commit.as_deref().unwrap_or_default())
        .instance(metadata.instance.to_string())
}

struct TelemetryComponent(Telemetry);

#[async_trait]
impl Component for TelemetryComponent {
    fn name(&self) -> &'static str {
        "telemetry"
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        match self.0.stop(deadline.left()).await {
            Ok(()) => Stopped::Clean,
            Err(left) => Stopped::Cut { left: left.to_string() },
        }
    }
}
