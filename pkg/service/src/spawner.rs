use std::future::Future;
use std::sync::Arc;

use tokio_util::task::TaskTracker;
use underpin_logger::{Context, Logger, error};

use crate::panics::contained;
use crate::{Deadline, Stopped, meters};

/// Spawns work that outlives a request, such as a mail after the response. The stop waits for it, together with the traffic.
///
/// # Examples
/// ```no_run
/// # fn handler(spawner: &underpin_service::Spawner, ctx: &underpin_logger::Context) {
/// spawner.spawn(ctx, async { /* send the mail */ });
/// # }
/// ```
#[derive(Clone)]
pub struct Spawner {
    tasks: TaskTracker,
    log: Arc<dyn Logger>,
}

impl std::fmt::Debug for Spawner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spawner").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl Spawner {
    pub(crate) fn new(log: Arc<dyn Logger>) -> Self {
        Self { tasks: TaskTracker::new(), log }
    }

    /// Spawns the work on the runtime. A panic is counted and logged under the context.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn(&self, ctx: &Context, work: impl Future<Output = ()> + Send + 'static) {
        let (log, ctx) = (Arc::clone(&self.log), ctx.clone());
        self.tasks.spawn(async move {
            if let Err(panic) = contained(work).await {
                meters::panicked("spawner");
                error!(log, &ctx, &panic, "work after a request panicked");
            }
        });
    }

    pub(crate) async fn finish(&self, deadline: Deadline) -> Stopped {
        self.tasks.close();
        match deadline.run(self.tasks.wait()).await {
            Some(()) => Stopped::Clean,
            None => Stopped::cut(format!("{} tasks after requests", self.tasks.len())),
        }
    }
}
