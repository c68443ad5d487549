use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use super::dispatcher::Dispatcher;
use super::inbound::Inbound;
use super::processor::Processor;
use super::worker;

/// Starts the workers. They end when the dispatcher is dropped and their queues are empty.
pub(crate) fn start<M: Inbound>(processor: &Arc<Processor>) -> (Dispatcher<M>, Workers) {
    let (dispatcher, queues) = Dispatcher::new(&processor.options, &processor.limits);
    let mut tasks = JoinSet::new();
    for queue in queues {
        tasks.spawn(worker::run(Arc::clone(processor), queue));
    }
    (dispatcher, Workers { tasks, background: processor.background.clone() })
}

/// The tasks of a subscription.
pub(crate) struct Workers {
    tasks: JoinSet<()>,
    background: TaskTracker,
}

impl Workers {
    /// Waits for the running handlers, and until their outcomes are carried out.
    pub(crate) async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
        self.background.close();
        self.background.wait().await;
    }
}
