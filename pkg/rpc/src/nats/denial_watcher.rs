use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::time::timeout_at;
use underpin_nats::async_nats::Subject;
use underpin_nats::{Connection, Denial, Reply, ReplyInbox};

use super::failure;
use crate::deadline;
use crate::error::RpcError;

/// What the server refused of the subscriptions of an instance.
pub(super) struct DenialWatcher {
    subjects: HashSet<String>,
    denied: Mutex<Option<Denial>>,
}

impl DenialWatcher {
    pub(super) fn new(subjects: impl IntoIterator<Item = String>) -> Self {
        Self { subjects: subjects.into_iter().collect(), denied: Mutex::new(None) }
    }

    /// Waits until the server has handled the subscriptions.
    pub(super) async fn confirm(&self, nats: &Connection, inbox: &mut ReplyInbox) -> Result<(), RpcError> {
        let until = deadline::after(nats.request_timeout());
        // The server reports a denial before the answer; the second round trip gives the client the time to tell.
        for _ in 0..2 {
            let (number, reply_to) = inbox.number();
            let nowhere = Subject::from(nats.client().new_inbox());
            let published = nats.publish(nowhere.clone(), Some(reply_to), None, "".into()).await;
            published.map_err(failure::of_serve)?;
            loop {
                match timeout_at(until, inbox.next()).await {
                    Err(_) | Ok(Reply::Ended) => return Err(RpcError::Disconnected),
                    Ok(Reply::Answer(of, _)) if of == number => break,
                    // An answer too: the server has read what was sent before.
                    Ok(Reply::Denied(Denial::Publish(subject))) if subject == nowhere => break,
                    Ok(other) => self.note(other),
                }
            }
        }
        while let Some(other) = inbox.try_next() {
            self.note(other);
        }
        match self.denied() {
            Some(denial) => Err(RpcError::Unauthorized(denial.into())),
            None => Ok(()),
        }
    }

    /// Notes denials from now on; ends with the client.
    pub(super) async fn follow(&self, mut inbox: ReplyInbox) {
        loop {
            match inbox.next().await {
                Reply::Ended => return,
                other => self.note(other),
            }
        }
    }

    pub(super) fn denied(&self) -> Option<Denial> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, reply: Reply) {
        if let Reply::Denied(Denial::Subscribe(subject)) = reply
            && self.subjects.contains(subject.as_str())
        {
            let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
            denied.get_or_insert(Denial::Subscribe(subject));
        }
    }
}
