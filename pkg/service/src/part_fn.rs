use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::HealthCheck;

use crate::{Component, Deadline, Stopped};

type StopFn = Box<dyn Fn(Deadline) -> Pin<Box<dyn Future<Output = Stopped> + Send>> + Send + Sync>;

/// A component made of closures, for a foreign type: the orphan rule forbids an adopter to implement [`Component`] for it.
///
/// # Examples
/// ```
/// use underpin_service::{Component, Deadline, Stopped, part_fn};
///
/// let (end, ended) = tokio::sync::watch::channel(false);
/// let part = part_fn("clock", move |_| {
///     end.send_replace(true);
///     async { Stopped::Clean }
/// });
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// part.stop(Deadline::after(std::time::Duration::from_secs(1))).await;
/// # });
/// assert!(*ended.borrow());
/// ```
pub fn part_fn<F, Fut>(name: impl Into<String>, stop: F) -> PartFn
where
    F: Fn(Deadline) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Stopped> + Send + 'static,
{
    PartFn(Arc::new(Closures {
        name: name.into(),
        health: None,
        stop: Box::new(move |deadline| Box::pin(stop(deadline))),
    }))
}

/// See [`part_fn`].
#[derive(Clone)]
pub struct PartFn(Arc<Closures>);

struct Closures {
    name: String,
    health: Option<Arc<dyn HealthCheck>>,
    stop: StopFn,
}

impl PartFn {
    /// What readiness asks.
    #[must_use]
    pub fn health(self, check: Arc<dyn HealthCheck>) -> Self {
        // Not shared yet: `part_fn` made the only handle.
        match Arc::try_unwrap(self.0) {
            Ok(closures) => Self(Arc::new(Closures { health: Some(check), ..closures })),
            Err(shared) => Self(shared),
        }
    }
}

impl std::fmt::Debug for PartFn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartFn").field("name", &self.0.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Component for PartFn {
    fn name(&self) -> &str {
        &self.0.name
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        (self.0.stop)(deadline).await
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        self.0.health.clone()
    }
}
