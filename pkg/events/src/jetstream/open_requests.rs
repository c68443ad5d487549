use std::collections::VecDeque;

use async_nats::Message;

use crate::pipeline::InFlightPermits;

/// The pull requests that the server may still have, and the permits for everything that they may bring. Which request a
/// message answers is not known, and a server alternates between them.
pub(super) struct OpenRequests {
    replies: VecDeque<String>,
    pub(super) permits: InFlightPermits,
}

/// More requests than this are never open: each has a quarter of the in-flight limit or more.
const MAX_OPEN: usize = 8;

impl Default for OpenRequests {
    fn default() -> Self {
        Self { replies: VecDeque::new(), permits: InFlightPermits::none() }
    }
}

impl OpenRequests {
    pub(super) fn add(&mut self, reply: String, permits: InFlightPermits) {
        if self.permits.len() == 0 {
            self.replies.clear();
        }
        if self.replies.len() >= MAX_OPEN {
            self.replies.pop_front();
        }
        self.replies.push_back(reply);
        self.permits.merge(permits);
    }

    pub(super) fn contains(&self, reply: &str) -> bool {
        self.replies.iter().any(|known| known == reply)
    }

    /// Releases the permits of the messages that an expired request did not bring, which the server counts.
    pub(super) fn expired(&mut self, message: &Message) {
        self.replies.retain(|known| *known != *message.subject);
        let header = message.headers.as_ref().and_then(|headers| headers.get("Nats-Pending-Messages"));
        let left = header.and_then(|value| value.as_str().parse().ok());
        self.permits.release(if self.replies.is_empty() { usize::MAX } else { left.unwrap_or(usize::MAX) });
    }
}
