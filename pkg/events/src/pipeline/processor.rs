use std::sync::Arc;

use metrics::Counter;
use tokio_util::task::TaskTracker;
use underpin_logger::Logger;

use super::control::Control;
use super::limits::Limits;
use crate::meters::{SubscriptionHandles, SubscriptionMetrics};
use crate::{EventHandler, SubscribeOptions};

/// What the workers of a subscription share: the handler, and how its outcomes are treated.
pub(crate) struct Processor {
    pub(crate) options: SubscribeOptions,
    pub(crate) handler: Arc<dyn EventHandler>,
    pub(crate) log: Arc<dyn Logger>,
    pub(crate) control: Control,
    pub(crate) limits: Arc<Limits>,
    /// Dead letters that are being stored, and jobs that wait to be queued again.
    pub(super) background: TaskTracker,
    pub(super) metrics: SubscriptionMetrics,
}

impl Processor {
    pub(crate) fn new(
        options: SubscribeOptions,
        handler: Arc<dyn EventHandler>,
        log: Arc<dyn Logger>,
    ) -> Arc<Self> {
        let metrics = SubscriptionMetrics::new(&options.name);
        let limits = Arc::new(Limits::new(&options));
        Arc::new(Self {
            options,
            handler,
            log,
            control: Control::default(),
            limits,
            background: TaskTracker::new(),
            metrics,
        })
    }

    pub(super) fn count(&self, counter: fn(&SubscriptionHandles) -> &Counter) {
        self.metrics.with(|metrics| counter(metrics).increment(1));
    }
}
