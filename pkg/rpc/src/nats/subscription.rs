//! The subscription of one endpoint: from the first request to the last that was routed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::time::{sleep, timeout};
use underpin_errors::BoxError;
use underpin_logger::{Context, Logger, warn};
use underpin_nats::Connection;
use underpin_nats::async_nats::{Message, Subscriber};

use super::responder::{NatsResponder, ReplySender};
use super::wire;
use crate::deadline;
use crate::engine::{Instance, Start};

/// A limit of an UNSUB that no server reads as one: it has more than nine digits, so the server ends the subscription at once, while the
/// client keeps it and delivers what is under way. Measured with nats-server 2.10 and 2.15; see ADR 0028.
const AT_ONCE: u64 = 10_000_000_000;
/// How long the server may take to confirm the end of a subscription.
const FENCE: Duration = Duration::from_secs(2);
/// The wait between attempts to subscribe again.
const AGAIN: Duration = Duration::from_millis(100);

/// The subscription of one endpoint of an instance.
pub(super) struct EndpointSubscription {
    pub(super) nats: Connection,
    pub(super) instance: Arc<Instance>,
    pub(super) index: usize,
    pub(super) subject: String,
    pub(super) group: Option<String>,
    pub(super) log: Arc<dyn Logger>,
}

/// A subscription that is in place.
pub(super) struct ActiveSubscription {
    subscriber: Subscriber,
    sender: Arc<ReplySender>,
}

impl EndpointSubscription {
    pub(super) async fn subscribe(&self) -> Result<ActiveSubscription, BoxError> {
        let client = self.nats.client();
        let subject = self.subject.clone();
        let subscriber = match self.group.clone() {
            Some(group) => {
                timeout(self.nats.request_timeout(), client.queue_subscribe(subject, group)).await??
            }
            None => timeout(self.nats.request_timeout(), client.subscribe(subject)).await??,
        };
        let (nats, instance, log) = (self.nats.clone(), Arc::clone(&self.instance), Arc::clone(&self.log));
        let sender = Arc::new(ReplySender { nats, client, instance, index: self.index, log });
        Ok(ActiveSubscription { subscriber, sender })
    }

    /// Takes requests until the instance stops, and then those that were routed before.
    pub(super) async fn run(self, mut reading: ActiveSubscription) {
        let signal = self.instance.signal.clone();
        let mut stopping = pin!(signal.stopping());
        while !signal.is_stopping() {
            tokio::select! {
                biased;
                message = reading.subscriber.next() => match message {
                    Some(message) => self.accept(&reading, message),
                    None => match self.subscribe_again().await {
                        Some(next) => reading = next,
                        None => return,
                    },
                },
                () = &mut stopping => {}
            }
        }
        self.take_rest(reading).await;
    }

    fn accept(&self, reading: &ActiveSubscription, message: Message) {
        let headers = wire::from_map(message.headers.as_ref());
        let responder = NatsResponder { sender: Arc::clone(&reading.sender), reply_to: message.reply };
        self.instance.accept(self.index, headers, message.payload, responder, Start::Inline);
    }

    /// The client was rebuilt, and its subscriptions ended; none once the instance stops or the connection is closed.
    async fn subscribe_again(&self) -> Option<ActiveSubscription> {
        let again = async {
            loop {
                if self.nats.link().closed {
                    return None;
                }
                let linked = self.nats.connected(deadline::after(self.nats.request_timeout())).await;
                if linked.is_ok()
                    && let Ok(reading) = self.subscribe().await
                {
                    return Some(reading);
                }
                sleep(AGAIN).await;
            }
        };
        tokio::select! {
            () = self.instance.signal.stopping() => None,
            reading = again => reading,
        }
    }

    /// Ends the subscription on the server, and takes what the server had routed until then.
    async fn take_rest(&self, mut reading: ActiveSubscription) {
        let unsubscribed = timeout(FENCE, reading.subscriber.unsubscribe_after(AT_ONCE)).await;
        if !matches!(unsubscribed, Ok(Ok(()))) {
            let ctx = Context::background();
            warn!(self.log, &ctx, "rpc endpoint could not unsubscribe", endpoint = self.subject);
        }
        // The server answers in order: its answer to this comes behind the last request.
        let mut fence = pin!(self.round_trip());
        loop {
            tokio::select! {
                biased;
                message = reading.subscriber.next() => match message {
                    Some(message) => self.accept(&reading, message),
                    None => return,
                },
                () = &mut fence => break,
            }
        }
        while let Some(Some(message)) = reading.subscriber.next().now_or_never() {
            self.accept(&reading, message);
        }
    }

    async fn round_trip(&self) {
        let nowhere = self.nats.client().new_inbox().into();
        drop(self.nats.request(nowhere, None, "".into(), deadline::after(FENCE)).await);
    }
}
