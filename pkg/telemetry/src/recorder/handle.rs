use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use metrics::gauge;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::runtime::Handle;

use super::{capped::CappedRecorder, gauges, names};
use crate::{MetricsSettings, ServiceIdentity, TelemetryError};

/// Upper bounds of durations in seconds: from half a millisecond to a minute, those of OpenTelemetry for HTTP in between.
const SECONDS: [f64; 18] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    60.0,
];
/// Upper bounds of sizes in bytes.
const BYTES: [f64; 8] = [256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 16_777_216.0];
/// Upper bounds of counts.
const COUNTS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0, 10_000.0];

/// What this process has installed: a recorder cannot be removed again.
static INSTALLED: OnceLock<Metrics> = OnceLock::new();

/// Renders the metrics of the process. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    prometheus: PrometheusHandle,
    runtime: Arc<OnceLock<Handle>>,
    identity: Arc<ServiceIdentity>,
}

impl Metrics {
    /// A recorder for the process, installed. `None` when the process has another one, which stays.
    pub(crate) fn install(
        settings: &MetricsSettings,
        identity: &ServiceIdentity,
    ) -> Result<Option<Self>, TelemetryError> {
        let (metrics, recorder) = Self::new(settings, identity)?;
        if metrics::set_global_recorder(recorder).is_err() {
            // One of ours, from an earlier start in this process, goes on.
            return Ok(INSTALLED.get().cloned());
        }
        let metrics = INSTALLED.get_or_init(|| metrics).clone();
        names::describe();
        metrics.upkeep();
        Ok(Some(metrics))
    }

    pub(crate) fn new(
        settings: &MetricsSettings,
        identity: &ServiceIdentity,
    ) -> Result<(Self, impl metrics::Recorder + Send + Sync + 'static), TelemetryError> {
        let recorder =
            builder(settings).map_err(|error| TelemetryError::Buckets(error.into()))?.build_recorder();
        let metrics = Self {
            prometheus: recorder.handle(),
            runtime: Arc::default(),
            identity: Arc::new(identity.clone()),
        };
        Ok((metrics, CappedRecorder::new(recorder, settings.series_per_metric)))
    }

    /// The text format of Prometheus, version 0.0.4.
    pub fn render(&self) -> String {
        self.sample();
        self.prometheus.render()
    }

    /// Folds histograms into their buckets, so that they do not grow without scrapes, and reads the gauges of the process.
    /// [`Telemetry`](crate::Telemetry) does so by itself.
    pub fn upkeep(&self) {
        self.prometheus.run_upkeep();
        self.sample();
    }

    /// Reports this runtime in the gauges of tokio; only the first one counts.
    pub fn watch_runtime(&self, runtime: Handle) {
        let _first = self.runtime.set(runtime);
    }

    fn sample(&self) {
        let ServiceIdentity { name, version, commit, .. } = &*self.identity;
        let labels = [("service", name.clone()), ("version", version.clone()), ("commit", commit.clone())];
        gauge!(names::BUILD_INFO, &labels).set(1.0);
        gauges::process();
        if let Some(runtime) = self.runtime.get() {
            gauges::runtime(runtime);
        }
    }
}

fn builder(settings: &MetricsSettings) -> Result<PrometheusBuilder, BuildError> {
    let mut builder = PrometheusBuilder::new()
        .set_buckets(&COUNTS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES)?;
    for (name, bounds) in &settings.buckets {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.clone()), bounds)?;
    }
    Ok(builder)
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("identity", &self.identity).finish_non_exhaustive()
    }
}
