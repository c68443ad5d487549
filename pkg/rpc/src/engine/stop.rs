use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// The stages of the end of an instance, each of which is reached once. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopSignal(Arc<Stages>);

#[derive(Debug, Default)]
struct Stages {
    stopping: CancellationToken,
    cut: CancellationToken,
    ended: CancellationToken,
}

impl StopSignal {
    /// No more requests are taken.
    pub(crate) fn stop(&self) {
        self.0.stopping.cancel();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.is_cancelled()
    }

    pub(crate) async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    /// What still runs is answered for and dropped.
    pub(crate) fn cut(&self) {
        self.0.cut.cancel();
    }

    pub(crate) async fn cutting(&self) {
        self.0.cut.cancelled().await;
    }

    /// The instance has ended.
    pub(crate) fn end(&self) {
        self.0.ended.cancel();
    }

    pub(crate) async fn ended(&self) {
        self.0.ended.cancelled().await;
    }
}
