use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};
use underpin_nats::async_nats::{HeaderMap, StatusCode, Subject};
use underpin_nats::{Denial, Reply as InboxReply, ReplyInbox};

use super::rpc::NatsRpc;
use super::{failure, wire};
use crate::caller::Caller;
use crate::error::RpcError;
use crate::gather::Gather;
use crate::prepared::PreparedRequest;
use crate::request::{Reply, Request};
use crate::retry;

impl NatsRpc {
    async fn attempt(&self, request: &PreparedRequest) -> Result<Reply, RpcError> {
        let headers = self.headers(request).await?;
        let (subject, body) = (Subject::from(request.subject()), request.body.clone());
        let answer = self.nats.request(subject, Some(headers), body, request.until).await;
        wire::read(answer.map_err(|error| failure::of_call(error, request.within()))?)
    }

    /// Waits for the link, and then measures what is left of the time.
    async fn headers(&self, request: &PreparedRequest) -> Result<HeaderMap, RpcError> {
        let linked = self.nats.connected(request.until).await;
        linked.map_err(|error| failure::of_call(error, request.within()))?;
        let now = Instant::now();
        if request.until <= now {
            return Err(request.timeout());
        }
        Ok(wire::of_request(request, Some(now)))
    }

    async fn collect(
        &self,
        request: &PreparedRequest,
        until: Gather,
        inbox: &mut ReplyInbox,
    ) -> Result<Vec<Result<Reply, RpcError>>, RpcError> {
        let headers = self.headers(request).await?;
        let (number, reply_to) = inbox.number();
        let subject = Subject::from(request.subject());
        let published = self.nats.publish(subject, Some(reply_to), Some(headers), request.body.clone()).await;
        published.map_err(|error| failure::of_call(error, request.within()))?;
        let mut replies = Vec::new();
        let mut wait_until = request.until;
        while !until.is_enough(replies.len()) {
            match timeout_at(wait_until, inbox.next()).await {
                Err(_) => break,
                Ok(InboxReply::Answer(of, message)) if of == number => {
                    if message.status == Some(StatusCode::NO_RESPONDERS) {
                        return Err(RpcError::NoResponders { subject: request.subject().to_owned() });
                    }
                    replies.push(wire::read(message));
                    if let Some(pause) = until.longest_pause() {
                        wait_until =
                            request.until.min(Instant::now() + pause.min(Duration::from_secs(86_400)));
                    }
                }
                Ok(InboxReply::Denied(denial)) if concerns(&denial, request.subject()) => {
                    return Err(RpcError::Unauthorized(denial.into()));
                }
                Ok(InboxReply::Ended) => return Err(RpcError::Lost),
                Ok(_) => {}
            }
        }
        Ok(replies)
    }
}

fn concerns(denial: &Denial, subject: &str) -> bool {
    matches!(denial, Denial::Publish(denied) if denied.as_str() == subject)
}

#[async_trait]
impl Caller for NatsRpc {
    async fn call(&self, request: Request) -> Result<Reply, RpcError> {
        let request = PreparedRequest::new(request)?;
        let (until, idempotent) = (request.until, request.idempotent);
        let result = retry::run(&self.settings, idempotent, until, || self.attempt(&request)).await;
        request.ended(&self.meters, &result);
        result
    }

    async fn gather(
        &self,
        request: Request,
        until: Gather,
    ) -> Result<Vec<Result<Reply, RpcError>>, RpcError> {
        let request = PreparedRequest::new(request)?;
        let failed = |error| failure::of_call(error, request.within());
        let epoch = self.nats.connected(request.until).await.map_err(failed)?;
        let opened = timeout_at(request.until, self.nats.reply_inbox()).await;
        let mut inbox = opened.map_err(|_| request.timeout())?.map_err(failed)?;
        let result = tokio::select! {
            biased;
            result = self.collect(&request, until, &mut inbox) => result,
            () = self.nats.lost(epoch) => return Err(RpcError::Lost),
        };
        self.nats.release_inbox(inbox);
        result
    }

    async fn send(&self, request: Request) -> Result<(), RpcError> {
        let request = PreparedRequest::new(request)?;
        let failed = |error| failure::of_call(error, request.within());
        self.nats.connected(request.until).await.map_err(failed)?;
        let (subject, headers) = (Subject::from(request.subject()), wire::of_request(&request, None));
        self.nats.publish(subject, None, Some(headers), request.body.clone()).await.map_err(failed)
    }
}
