use std::{fmt, sync::Arc};

use metrics::Recorder;

use crate::{Metrics, MetricsSettings, ServiceIdentity};

/// Keeps what a piece of code records, as the service's own recorder would: same buckets, same cap.
///
/// # Examples
///
/// ```
/// use underpin_telemetry::testing::CaptureMetrics;
///
/// let captured = CaptureMetrics::new();
/// captured.during(|| metrics::counter!("orders_total", "kind" => "tea").increment(2));
/// assert_eq!(captured.value(r#"orders_total{kind="tea"}"#), Some(2.0));
/// assert_eq!(captured.value("orders_total"), None);
/// ```
#[derive(Clone)]
pub struct CaptureMetrics {
    metrics: Metrics,
    recorder: Arc<dyn Recorder + Send + Sync>,
}

impl CaptureMetrics {
    /// A recorder with the default settings.
    pub fn new() -> Self {
        Self::with(&MetricsSettings::default())
    }

    /// A recorder with these settings.
    ///
    /// # Panics
    ///
    /// When the buckets are not valid.
    #[expect(clippy::panic, reason = "an assertion")]
    pub fn with(settings: &MetricsSettings) -> Self {
        match Metrics::new(settings, &ServiceIdentity::new("test", "0")) {
            Ok((metrics, recorder)) => Self { metrics, recorder: Arc::new(recorder) },
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs code whose metrics, on this thread, are recorded here.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(&*self.recorder, work)
    }

    /// The value of one line of the rendered text, named as there.
    pub fn value(&self, series: &str) -> Option<f64> {
        let text = self.render();
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// How many series a metric has, those of its buckets included.
    pub fn series(&self, metric: &str) -> usize {
        self.render().lines().filter(|line| line.starts_with(metric)).count()
    }

    /// The text format of Prometheus.
    pub fn render(&self) -> String {
        self.during(|| self.metrics.render())
    }

    /// The metrics behind it.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

impl Default for CaptureMetrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CaptureMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureMetrics").finish_non_exhaustive()
    }
}
