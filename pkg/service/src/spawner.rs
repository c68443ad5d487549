use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use underpin_logger::{Context, Logger, error};

use crate::counted::Counted;
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
    running: watch::Sender<usize>,
    log: Arc<dyn Logger>,
}

impl std::fmt::Debug for Spawner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spawner").field("tasks", &*self.running.borrow()).finish_non_exhaustive()
    }
}

impl Spawner {
    pub(crate) fn new(log: Arc<dyn Logger>) -> Self {
        Self { running: watch::Sender::new(0), log }
    }

    /// Spawns the work on the runtime. A panic is counted and logged under the context.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn(&self, ctx: &Context, work: impl Future<Output = ()> + Send + 'static) {
        let (log, ctx) = (Arc::clone(&self.log), ctx.clone());
        // Until the task is done, panics or is dropped.
        let counted = Counted::new(&self.running);
        tokio::spawn(async move {
            let _counted = counted;
            if let Err(panic) = contained(work).await {
                meters::panicked("spawner");
                error!(log, &ctx, &panic, "work after a request panicked");
            }
        });
    }

    pub(crate) async fn finish(&self, deadline: Deadline) -> Stopped {
        let mut running = self.running.subscribe();
        // The sender is here as long as this is.
        match deadline.run(running.wait_for(|count| *count == 0)).await {
            Some(_) => Stopped::Clean,
            None => Stopped::cut(format!("{} tasks after requests", *self.running.borrow())),
        }
    }
}
