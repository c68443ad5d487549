use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use underpin_logger::LevelHandle;

use crate::commands::Commands;
use crate::metrics_page::MetricsPage;
use crate::readiness::Readiness;
use crate::{Gate, Metadata, Opening};

/// How often the main runtime shows that it runs.
const BEAT: Duration = Duration::from_secs(1);

/// What the admin listener speaks about.
pub(crate) struct Subject {
    pub(super) metadata: Metadata,
    pub(super) gate: Gate,
    pub(super) main: Handle,
    pub(super) levels: Option<LevelHandle>,
    pub(super) commands: Commands,
    pub(super) metrics: MetricsPage,
    pub(super) readiness: Readiness,
    #[cfg(feature = "grpc")]
    pub(super) reflected: crate::grpc::Reflected,
    born: Instant,
    /// Milliseconds since `born`.
    last_beat: AtomicU64,
}

impl Subject {
    pub(crate) fn new(gate: Gate, main: Handle, levels: Option<LevelHandle>, opening: &Opening) -> Self {
        let (born, last_beat) = (Instant::now(), AtomicU64::new(0));
        Self {
            metadata: opening.metadata.clone(),
            gate,
            main,
            levels,
            commands: opening.commands.clone(),
            metrics: opening.metrics.clone(),
            readiness: opening.readiness.clone(),
            #[cfg(feature = "grpc")]
            reflected: opening.reflected.clone(),
            born,
            last_beat,
        }
    }

    /// How long ago the main runtime last showed that it runs.
    pub(super) fn silence(&self) -> Duration {
        let beat = Duration::from_millis(self.last_beat.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(beat)
    }

    /// Beats on the runtime on which it is spawned, until the listener is closed.
    pub(super) async fn beat(self: Arc<Self>) {
        let listener = Arc::downgrade(&self);
        drop(self);
        while let Some(subject) = listener.upgrade() {
            let now = u64::try_from(subject.born.elapsed().as_millis()).unwrap_or(u64::MAX);
            subject.last_beat.store(now, Ordering::Relaxed);
            drop(subject);
            tokio::time::sleep(BEAT).await;
        }
    }
}
