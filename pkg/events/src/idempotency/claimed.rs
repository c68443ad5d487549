use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;
use underpin_logger::{Context, Logger, warn};

use super::{ClaimToken, IdempotencyStore};
use crate::{EventsError, Outcome, deadline};

/// A claim while its handler runs. Dropped before its end, by a timeout, a drain or a panic, it is given back.
pub(super) struct Claimed<'a> {
    /// None once it was ended.
    claim: Option<Held>,
    giving_back: &'a TaskTracker,
}

struct Held {
    store: Arc<dyn IdempotencyStore>,
    key: String,
    token: ClaimToken,
    until: Instant,
    log: Arc<dyn Logger>,
    context: Context,
}

impl<'a> Claimed<'a> {
    pub(super) fn new(
        store: Arc<dyn IdempotencyStore>,
        (key, token): (String, ClaimToken),
        lease: Duration,
        giving_back: &'a TaskTracker,
        log: Arc<dyn Logger>,
        context: Context,
    ) -> Self {
        let claim = Held { store, key, token, until: deadline::after(lease), log, context };
        Self { claim: Some(claim), giving_back }
    }

    /// Ends the claim as the outcome says. Dropped in the middle of that, it is given back: what is done stays done.
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

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        let Some(claim) = self.claim.take() else { return };
        // Without a runtime, the lease ends it. When that is over, the claim may be somebody else's.
        let Ok(runtime) = Handle::try_current() else { return };
        if claim.until > Instant::now() {
            let give_back = async move {
                if let Ok(released) =
                    timeout_at(claim.until, claim.store.release(&claim.key, claim.token)).await
                {
                    claim.report(released);
                }
            };
            self.giving_back.spawn_on(give_back, &runtime);
        }
    }
}

impl Held {
    fn report(&self, ended: Result<(), EventsError>) {
        if let Err(error) = ended {
            warn!(self.log, &self.context, &error, "idempotency claim could not be ended", key = self.key);
        }
    }
}
