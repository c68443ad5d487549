use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::task::TaskTracker;
use underpin_errors::Report;
use underpin_logger::{Logger, NoopLogger};

use super::claim_guard::ClaimGuard;
use super::store::{Claim, IdempotencyStore};
use crate::{Delivery, EventHandler, Outcome};

/// How long a claim lasts that is neither completed nor released. Longer than the default handler timeout, so that it does not
/// end while its handler runs.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(60);

/// How often a claim held by another handler is tried again: it may end long before its lease.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Wraps a handler so that an event it has handled is acknowledged without calling it again.
///
/// The key is `scope/source/id`, since CloudEvents identifies an event by source and id, and each subscription does its
/// own work with it.
///
/// An event that another handler has claimed is postponed, which costs no attempt: the claim of a process that died ends with
/// its lease. A call that is dropped at the handler timeout or by a drain, or that panics, gives
/// its claim back. It may have had its effect by then, as one that answers with a retry may: such an effect can happen
/// twice, and belongs into a transaction.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use underpin_events::{Delivery, Event, EventHandler, IdempotentHandler, MemoryIdempotencyStore, Outcome, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
/// let counted = Arc::clone(&calls);
/// let handler = handler_fn(move |_| {
///     counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
///     async { Outcome::ack() }
/// });
/// let store = Arc::new(MemoryIdempotencyStore::default());
/// let once = IdempotentHandler::new("projection", store, handler);
///
/// let event = Event::builder("order.placed", "/orders").build()?;
/// assert!(once.handle(Delivery::new(event.clone())).await.is_ack());
/// assert!(once.handle(Delivery::new(event)).await.is_ack());
/// assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 1);
/// # Ok(()) }
/// ```
pub struct IdempotentHandler {
    scope: String,
    store: Arc<dyn IdempotencyStore>,
    inner: Arc<dyn EventHandler>,
    lease: Duration,
    log: Arc<dyn Logger>,
    /// Releases of the claims of dropped calls.
    releasing: TaskTracker,
}

impl IdempotentHandler {
    /// Wraps `inner`; `scope` names the work, usually the subscription.
    pub fn new(
        scope: impl Into<String>,
        store: Arc<dyn IdempotencyStore>,
        inner: Arc<dyn EventHandler>,
    ) -> Self {
        let (scope, log) = (scope.into(), Arc::new(NoopLogger));
        Self { scope, store, inner, lease: DEFAULT_LEASE, log, releasing: TaskTracker::new() }
    }

    /// Sets how long a claim lasts that is neither completed nor released; longer than the handler timeout.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets where a store that fails after the handler has run is reported.
    #[must_use]
    pub fn log(mut self, log: Arc<dyn Logger>) -> Self {
        self.log = log;
        self
    }

    /// Waits until the claims of calls that were dropped are given back; call it after the subscription has drained. Without
    /// it they are given back all the same, while the runtime lives, or end with their lease.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn close(&self) {
        self.releasing.close();
        self.releasing.wait().await;
    }
}

impl std::fmt::Debug for IdempotentHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdempotentHandler").field("scope", &self.scope).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventHandler for IdempotentHandler {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let key = format!("{}/{}", self.scope, delivery.event().message_id());
        let token = match self.store.claim(&key, self.lease).await {
            Ok(Claim::Granted(token)) => token,
            Ok(Claim::Done) => return Outcome::ack(),
            Ok(Claim::Held) => {
                return Outcome::postpone(
                    POLL_INTERVAL.min(self.lease),
                    "another handler holds the claim on this event",
                );
            }
            Err(error) => return Outcome::retry(format!("idempotency store: {}", Report(&error))),
        };
        let context = delivery.context();
        let log = Arc::clone(&self.log);
        let store = Arc::clone(&self.store);
        let claim = ClaimGuard::new(store, (key, token), self.lease, &self.releasing, log, context);
        let outcome = self.inner.handle(delivery).await;
        claim.end(&outcome).await;
        outcome
    }
}
