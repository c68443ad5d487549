use std::sync::Arc;

use underpin_errors::Error;
use underpin_logger::{Context, Logger, RequestId, warn};
use underpin_nats::async_nats::{Client, Subject};
use underpin_nats::{Connection, NatsError};

use super::wire;
use crate::call::Call;
use crate::engine::{Instance, Responder, WireReply};
use crate::request::Reply;

/// What the replies of one subscription share.
pub(super) struct ReplySender {
    pub(super) nats: Connection,
    /// The client of the subscription: its limits.
    pub(super) client: Client,
    pub(super) instance: Arc<Instance>,
    pub(super) index: usize,
    pub(super) log: Arc<dyn Logger>,
}

/// The reply to one message. A message without a reply subject gets none.
pub(super) struct NatsResponder {
    pub(super) sender: Arc<ReplySender>,
    pub(super) reply_to: Option<Subject>,
}

impl Responder for NatsResponder {
    fn limit(&self) -> usize {
        self.sender.client.max_payload()
    }

    async fn respond(self, call: Call, result: Result<Reply, Error>) {
        let Some(reply_to) = self.reply_to else { return };
        let id = call.context().request_id().map(RequestId::as_str);
        let reply = WireReply::of(result, id);
        if let Err(failure) = self.sender.publish(&call, reply_to, &reply).await {
            self.sender.unanswered(call.context(), &failure);
        }
    }
}

impl ReplySender {
    /// Sends a reply, after the link is back where it is down: the caller waits until the deadline of the call.
    async fn publish(&self, call: &Call, reply_to: Subject, reply: &WireReply) -> Result<(), NatsError> {
        let headers = wire::to_map(&reply.headers);
        let sent = self.nats.publish(reply_to.clone(), None, headers, reply.body.clone()).await;
        let Err(NatsError::Disconnected) = sent else { return sent };
        // Boxed: every call would carry its size.
        Box::pin(self.publish_later(call, reply_to, reply)).await
    }

    async fn publish_later(
        &self,
        call: &Call,
        reply_to: Subject,
        reply: &WireReply,
    ) -> Result<(), NatsError> {
        tokio::select! {
            linked = self.nats.connected(call.deadline()) => linked.map(drop)?,
            () = self.instance.signal.cutting() => return Err(NatsError::Disconnected),
        }
        let headers = wire::to_map(&reply.headers);
        self.nats.publish(reply_to, None, headers, reply.body.clone()).await
    }

    fn unanswered(&self, ctx: &Context, failure: &NatsError) {
        self.instance.unanswered(self.index);
        warn!(self.log, ctx, failure, "rpc reply could not be sent");
    }
}
