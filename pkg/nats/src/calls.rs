//! The calls over a connection, each bounded in time and by the life of the link.

use std::future::Future;
use std::pin::pin;

use async_nats::{HeaderMap, Message, StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};
use underpin_errors::BoxError;

use crate::connection::Connection;
use crate::pending_table::NoAnswer;
use crate::reply_inbox::ReplyInbox;
use crate::session::Session;
use crate::{NatsError, deadline, server};

impl Connection {
    /// Runs one call to the server: not before the link is up, not longer than the request timeout, and not longer than the
    /// link lasts.
    ///
    /// # Errors
    /// [`NatsError::Closed`], [`NatsError::Disconnected`], [`NatsError::Timeout`], [`NatsError::Lost`]; inside, the result of
    /// the call.
    ///
    /// # Cancel safety
    /// That of the call.
    pub async fn call<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, NatsError> {
        let within = self.request_timeout();
        let until = deadline::after(within);
        let epoch = self.connected(until).await?;
        tokio::select! {
            biased;
            done = timeout_at(until, call) => done.map_err(|_| NatsError::Timeout { operation, within }),
            () = self.lost(epoch) => Err(NatsError::Lost),
        }
    }

    /// Publishes a message without an acknowledgement: at once where the client has room, within the request timeout where its
    /// queue is full.
    ///
    /// Ordering: messages that one task publishes arrive in their order. Calls are not retried.
    ///
    /// # Errors
    /// [`NatsError::Disconnected`] and [`NatsError::Closed`] without a link; an invalid subject or a message that is too large.
    /// A message that was taken may be lost with the connection.
    ///
    /// # Cancel safety
    /// The message may be sent.
    pub async fn publish(
        &self,
        subject: Subject,
        reply: Option<Subject>,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<(), NatsError> {
        self.env.link.epoch()?;
        let session = self.current.load_full();
        self.send(&session, subject, reply, headers, payload, None).await
    }

    /// Sends a request and waits for its answer: for the link first, and for both until `until`.
    ///
    /// Requests are not retried. A request that is given up leaves nothing behind.
    ///
    /// # Errors
    /// [`NatsError::NoResponders`] when there is no subscriber, [`NatsError::Unauthorized`] as soon as the server refuses the
    /// subject, [`NatsError::Lost`] when the connection ends before the answer, [`NatsError::Timeout`]; and those of
    /// [`publish`](Self::publish).
    ///
    /// # Cancel safety
    /// The request may be sent and its answer lost.
    pub async fn request(
        &self,
        subject: Subject,
        headers: Option<HeaderMap>,
        payload: Bytes,
        until: Instant,
    ) -> Result<Message, NatsError> {
        let began = Instant::now();
        let mut epoch = self.connected(until).await?;
        let mut session = self.current.load_full();
        while session.requests.is_closed() {
            // The client has ended, and its link is not known to be lost yet. Nothing was sent.
            Box::pin(timeout_at(until, self.lost(epoch))).await.map_err(|_| NatsError::Disconnected)?;
            epoch = self.connected(until).await?;
            session = self.current.load_full();
        }
        let request = session.requests.add(subject.clone(), epoch, until);
        let mut request = request.ok_or(NatsError::Disconnected)?;
        // The loss of a link ends the requests that were noted before.
        if !self.env.link.is_current(epoch) {
            return Err(NatsError::Lost);
        }
        let reply = session.requests.reply_to(&request);
        self.send(&session, subject.clone(), Some(reply), headers, payload, Some(until)).await?;
        match request.answer().await {
            Some(Ok(message)) if message.status == Some(StatusCode::NO_RESPONDERS) => {
                Err(NatsError::NoResponders { subject: subject.to_string() })
            }
            Some(Ok(message)) => Ok(message),
            Some(Err(NoAnswer::Denied(denial))) => Err(NatsError::Unauthorized(denial.into())),
            Some(Err(NoAnswer::Late)) => {
                Err(NatsError::Timeout { operation: "request", within: until.duration_since(began) })
            }
            None => Err(NatsError::Lost),
        }
    }

    /// Sends by `until`, or within the request timeout.
    async fn send(
        &self,
        session: &Session,
        subject: Subject,
        reply: Option<Subject>,
        headers: Option<HeaderMap>,
        payload: Bytes,
        until: Option<Instant>,
    ) -> Result<(), NatsError> {
        let (client, size) = (&session.client, payload.len());
        let mut sent = pin!(async {
            // Without headers this is a message without a header block.
            let headers = headers.unwrap_or_default();
            match reply {
                Some(reply) => client.publish_with_reply_and_headers(subject, reply, headers, payload).await,
                None => client.publish_with_headers(subject, headers, payload).await,
            }
        });
        // No timer for what the client takes at once.
        let sent = match sent.as_mut().now_or_never() {
            Some(sent) => sent,
            None => {
                let (within, epoch) = (self.request_timeout(), self.link().epoch);
                let until = until.unwrap_or_else(|| deadline::after(within));
                // Boxed: every call would carry its size.
                Box::pin(async {
                    tokio::select! {
                        biased;
                        sent = timeout_at(until, sent) => {
                            sent.map_err(|_| NatsError::Timeout { operation: "publish", within })
                        }
                        // The client has not taken it.
                        () = self.lost(epoch) => {
                            Err(if self.link().closed { NatsError::Closed } else { NatsError::Disconnected })
                        }
                    }
                })
                .await?
            }
        };
        sent.map_err(|error| NatsError::unsent(error, size, client.max_payload()))
    }

    /// Subscribes to everything below a new inbox, and returns the inbox too.
    ///
    /// # Errors
    /// Like [`call`](Self::call), and what the client says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn inbox(&self) -> Result<(String, Subscriber), NatsError> {
        let session = self.current.load_full();
        self.call("subscribe", session.inbox()).await?.map_err(NatsError::Unavailable)
    }

    /// An inbox for the answers to many messages.
    ///
    /// # Errors
    /// Like [`inbox`](Self::inbox).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn reply_inbox(&self) -> Result<ReplyInbox, NatsError> {
        match self.current.load().idle_inboxes.take() {
            Some(inbox) => Ok(inbox),
            None => self.reply_inbox_from(0).await,
        }
    }

    /// A new inbox whose numbers begin with `next`: in place of one that has ended.
    ///
    /// # Errors
    /// Like [`inbox`](Self::inbox).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn reply_inbox_from(&self, next: u64) -> Result<ReplyInbox, NatsError> {
        let session = self.current.load_full();
        let opened: Result<_, BoxError> = self.call("subscribe", session.inbox()).await?;
        let opened = opened.map_err(NatsError::Unavailable)?;
        Ok(ReplyInbox::new(opened, self.env.denials.subscribe(), next, session.number))
    }

    /// Gives an inbox back, for the next batch. Its answers must have been taken or given up.
    pub fn release_inbox(&self, inbox: ReplyInbox) {
        let session = self.current.load();
        if session.number == inbox.session() {
            session.idle_inboxes.put(inbox);
        }
    }

    /// Writes what was published to the socket.
    ///
    /// # Errors
    /// Like [`call`](Self::call), and what the client says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn flush(&self) -> Result<(), NatsError> {
        let client = self.client();
        self.call("flush", client.flush()).await?.map_err(|error| NatsError::Unavailable(error.into()))
    }

    /// The JetStream API level of the servers: 0 before 2.11, 1 with 2.11, 2 with 2.12.
    ///
    /// # Errors
    /// Like [`request`](Self::request).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn api_level(&self, domain: Option<&str>) -> Result<u64, NatsError> {
        let subject = match domain {
            Some(domain) => format!("$JS.{domain}.API.INFO"),
            None => "$JS.API.INFO".to_owned(),
        };
        let until = deadline::after(self.request_timeout());
        let answer = self.request(subject.into(), None, Bytes::new(), until).await?;
        server::api_level(&answer.payload).map_err(NatsError::Unavailable)
    }
}
