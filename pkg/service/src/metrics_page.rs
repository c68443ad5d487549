use std::sync::{Arc, OnceLock};

type Render = Box<dyn Fn() -> String + Send + Sync>;

/// The renderer of `/metrics`, set at most once. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct MetricsPage(Arc<OnceLock<Render>>);

impl MetricsPage {
    /// The first one counts.
    pub(crate) fn set(&self, render: impl Fn() -> String + Send + Sync + 'static) {
        let _second = self.0.set(Box::new(render));
    }

    pub(crate) fn render(&self) -> Option<String> {
        self.0.get().map(|render| render())
    }
}
