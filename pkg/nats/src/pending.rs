//! Requests that leave nothing behind when their answers are no longer awaited.
//!
//! The client's own requests share one subscription too, and keep an entry for each until its answer comes: one that was
//! given up, or whose answer was lost with a connection, stays for as long as the client lives.

use std::pin::pin;
use std::sync::Arc;

use async_nats::{Client, Subject, SubscribeError, Subscriber};
use tokio::sync::{broadcast, watch};
use tokio::task::unconstrained;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::denial::Denial;
use crate::link::LinkState;
use crate::numbered;
use crate::pending_table::{PendingRequest, PendingTable};

/// The requests that wait for answers, and the subscription over which the answers come. Dropped, it ends.
pub(crate) struct PendingRequests {
    inbox: String,
    table: Arc<PendingTable>,
    _dispatch: AbortOnDropHandle<()>,
}

impl PendingRequests {
    /// Subscribes to the answers.
    pub(crate) async fn open(
        client: &Client,
        denials: broadcast::Receiver<Denial>,
        link: watch::Receiver<LinkState>,
    ) -> Result<Self, SubscribeError> {
        let inbox = client.new_inbox();
        let subscriber = client.subscribe(format!("{inbox}.*")).await?;
        let table = Arc::new(PendingTable::new());
        let (guard, prefix) = (CloseOnDrop(Arc::clone(&table)), inbox.clone());
        let dispatch = async move { dispatch(&guard, &prefix, subscriber, denials, link).await };
        Ok(Self { inbox, table, _dispatch: AbortOnDropHandle::new(tokio::spawn(dispatch)) })
    }

    /// Notes a request to this subject over the link of this epoch; none when no answer can come any more.
    pub(crate) fn add(&self, subject: Subject, epoch: u64, until: Instant) -> Option<PendingRequest<'_>> {
        self.table.add(subject, epoch, until)
    }

    /// Whether no answer can come any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.table.is_closed()
    }

    /// Where the answer to a request goes.
    pub(crate) fn reply_to(&self, request: &PendingRequest<'_>) -> Subject {
        numbered::subject(&self.inbox, request.number)
    }

    /// How many requests wait for an answer.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

/// Ends every wait when the dispatching task ends, also when its runtime does.
struct CloseOnDrop(Arc<PendingTable>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Gives each request its answer, or ends its wait.
async fn dispatch(
    CloseOnDrop(table): &CloseOnDrop,
    inbox: &str,
    mut subscriber: Subscriber,
    mut denials: broadcast::Receiver<Denial>,
    mut link: watch::Receiver<LinkState>,
) {
    // Not held up by the budget of the task while answers come without a pause.
    let mut passed = pin!(unconstrained(table.deadlines.passed()));
    loop {
        tokio::select! {
            biased;
            answer = numbered::next(&mut subscriber) => match answer {
                Some((number, message)) => table.answered(number, message),
                None => return,
            },
            denial = denials.recv() => match denial {
                Ok(denial) => table.denied(&denial, inbox),
                // Those requests end at their timeouts.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
            changed = link.changed() => match changed {
                Ok(()) => table.lost(*link.borrow_and_update()),
                Err(_) => return,
            },
            () = passed.as_mut() => {
                table.expire();
                passed.set(unconstrained(table.deadlines.passed()));
            }
        }
    }
}
