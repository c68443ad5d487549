use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;
use underpin_logger::{Context, Logger, warn};

use super::store::{ClaimToken, IdempotencyStore};
use crate::{EventsError, Outcome, deadline};

/// Holds a claim while its handler runs. Dropped early, by a timeout, a drain or a panic, it releases the claim.
pub(super) struct ClaimGuard<'a> {
    /// None once it was ended.
    claim: Option<HeldClaim>,
    releasing: &'a TaskTracker,
}

struct HeldClaim {
    store: Arc<dyn IdempotencyStore>,
    key: String,
    token: ClaimToken,
    until: Instant,
    log: Arc<dyn Logger>,
    context: Context,
}

impl<'a> ClaimGuard<'a> {
    pub(super) fn new(
        store: Arc<dyn IdempotencyStore>,
        (key, token): (String, ClaimToken),
        lease: Duration,
        releasing: &'a TaskTracker,
        log: Arc<dyn Logger>,
        context: Context,
    ) -> Self {
        let claim = HeldClaim { store, key, token, until: deadline::after(lease), log, context };
        Self { claim: Some(claim), releasing }
    }

    /// Completes or releases the claim, as the outcome says. Dropped in the middle, it releases the claim, which changes
    /// nothing if that was completed.
    pub(super) async fn end(mut self, outcome: &Outcome) {
        let Some(claim) = &self.claim else { return };
        let ended = match outcome {
            Outcome::Ack => claim.store.complete(&claim.key).await,
            // A dead letter is not done: its replay has to reach the handler.
            Outcome::Retry { .. } | Outcome::Postpone { .. } | Outcome::DeadLetter { .. } => {
                claim.store.release(&claim.key, claim.token).await
            }
        };
        // The outcome stands: the effect has happened or has not, and another attempt would not know better.
        claim.report(ended);
        self.claim = None;
    }
}

impl Drop for ClaimGuard<'_> {
    fn drop(&mut self) {
        let Some(claim) = self.claim.take() else { return };
        // Without a runtime its lease ends it. After the lease another handler may hold the claim.
        let Ok(runtime) = Handle::try_current() else { return };
        if claim.until > Instant::now() {
            let release = async move {
                if let Ok(released) =
                    timeout_at(claim.until, claim.store.release(&claim.key, claim.token)).await
                {
                    claim.report(released);
                }
            };
            self.releasing.spawn_on(release, &runtime);
        }
    }
}

impl HeldClaim {
    fn report(&self, ended: Result<(), EventsError>) {
        if let Err(error) = ended {
            warn!(self.log, &self.context, &error, "idempotency claim could not be ended", key = self.key);
        }
    }
}
