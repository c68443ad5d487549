use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use underpin_logger::{Context, FlushError, Logger, info};

#[cfg(feature = "otlp")]
use crate::otlp::Exporter;
use crate::{Metrics, ServiceIdentity, TelemetryError, TelemetrySettings};

/// The telemetry of a process. Clones share it; it ends with [`stop`](Self::stop) or with the last of them.
#[derive(Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
}

struct Inner {
    metrics: Option<Metrics>,
    upkeep: Option<Upkeep>,
    #[cfg(feature = "otlp")]
    exporter: Option<Exporter>,
}

impl Telemetry {
    /// Installs the recorder of metrics and starts the export, as far as the settings and the `OTEL_*` variables ask for them.
    ///
    /// A recorder or a span sink that the process has already stays, and `log` says so. A collector that is away is no error. Log records are
    /// exported if the log keeps them: [`LoggerSettings::export`](underpin_logger::LoggerSettings), which
    /// [`exports_logs`](Self::exports_logs) decides.
    ///
    /// # Errors
    ///
    /// [`TelemetryError`] when a setting is not valid or the system refuses a thread.
    #[allow(clippy::needless_pass_by_value, reason = "shared with the exporter, where there is one")]
    pub fn start(
        settings: &TelemetrySettings,
        identity: &ServiceIdentity,
        log: Arc<dyn Logger>,
    ) -> Result<Self, TelemetryError> {
        let enabled = settings.metrics.enabled;
        let metrics = if enabled { Metrics::install(&settings.metrics, identity)? } else { None };
        if enabled && metrics.is_none() {
            info!(log, &Context::background(), "another metrics recorder is installed and stays");
        }
        let upkeep = metrics.clone().map(|metrics| Upkeep::start(metrics, settings.metrics.upkeep));
        #[cfg(feature = "otlp")]
        let exporter = Exporter::start(&settings.otlp, identity, &log)?;
        Ok(Self {
            inner: Arc::new(Inner {
                metrics,
                upkeep: upkeep.transpose()?,
                #[cfg(feature = "otlp")]
                exporter,
            }),
        })
    }

    /// Telemetry that records and exports nothing.
    pub fn disabled() -> Self {
        Self {
            inner: Arc::new(Inner {
                metrics: None,
                upkeep: None,
                #[cfg(feature = "otlp")]
                exporter: None,
            }),
        }
    }

    /// Whether these settings, with the `OTEL_*` variables, export log records: the log is to keep them then.
    pub fn exports_logs(settings: &TelemetrySettings) -> bool {
        #[cfg(feature = "otlp")]
        let exports = crate::otlp::exports_logs(&settings.otlp);
        #[cfg(not(feature = "otlp"))]
        let exports = {
            let _unused = settings;
            false
        };
        exports
    }

    /// The metrics, unless they are disabled or another recorder is installed.
    pub fn metrics(&self) -> Option<&Metrics> {
        self.inner.metrics.as_ref()
    }

    /// Waits until what was recorded so far is exported. Blocks its thread.
    ///
    /// # Errors
    ///
    /// [`FlushError::TimedOut`] when the collector does not take it in time.
    pub fn flush(&self, within: Duration) -> Result<(), FlushError> {
        #[cfg(feature = "otlp")]
        if let Some(exporter) = &self.inner.exporter {
            return exporter.flush(within);
        }
        let _unused = within;
        Ok(())
    }

    /// Exports what was recorded so far, as far as that works within the time, and ends the export. What is left is dropped and counted.
    ///
    /// # Errors
    ///
    /// [`FlushError::TimedOut`] when something was left.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, the export ends in the background within the time.
    pub async fn stop(&self, within: Duration) -> Result<(), FlushError> {
        let telemetry = self.clone();
        // It blocks: on a thread that may.
        let stopped = tokio::task::spawn_blocking(move || telemetry.stop_now(within)).await;
        stopped.unwrap_or(Err(FlushError::TimedOut { within }))
    }

    /// [`stop`](Self::stop) for a thread without a runtime.
    ///
    /// # Errors
    ///
    /// As for [`stop`](Self::stop).
    pub fn stop_now(&self, within: Duration) -> Result<(), FlushError> {
        if let Some(upkeep) = &self.inner.upkeep {
            upkeep.stop();
        }
        #[cfg(feature = "otlp")]
        if let Some(exporter) = &self.inner.exporter {
            return exporter.stop(within);
        }
        let _unused = within;
        Ok(())
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("metrics", &self.inner.metrics).finish_non_exhaustive()
    }
}

/// A thread that keeps the metrics small without scrapes.
struct Upkeep {
    stopped: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Upkeep {
    fn start(metrics: Metrics, every: Duration) -> Result<Self, TelemetryError> {
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        let work = move || {
            while !seen.load(Ordering::Acquire) {
                thread::park_timeout(every);
                metrics.upkeep();
            }
        };
        let thread = thread::Builder::new().name("metrics-upkeep".to_owned()).spawn(work);
        Ok(Self { stopped, thread: Mutex::new(Some(thread.map_err(TelemetryError::Thread)?)) })
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            // An upkeep takes microseconds; one that panicked has ended.
            let _ended = thread.join();
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop();
    }
}
