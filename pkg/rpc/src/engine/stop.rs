use tokio_util::sync::CancellationToken;

/// The stages of the end of an instance, each of which is reached once.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopSignal {
    stopping: CancellationToken,
    cut: CancellationToken,
    ended: CancellationToken,
}

impl StopSignal {
    /// No more requests are taken.
    pub(crate) fn stop(&self) {
        self.stopping.cancel();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    pub(crate) async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// What still runs is answered for and dropped.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    pub(crate) async fn cutting(&self) {
        self.cut.cancelled().await;
    }

    /// The instance has ended.
    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}
