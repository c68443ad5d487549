use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context as JsContext;
use async_nats::{Client, Event, ServerInfo, Subscriber};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use underpin_logger::{Context, Logger, error, info, warn};

use crate::EventsError;
use crate::deadline;

/// The state of the connection to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) up: bool,
    pub(crate) closed: bool,
    /// Counts how often the connection was lost: what was on its way in an earlier epoch will not be answered.
    pub(crate) epoch: u64,
}

/// A client whose every call is bounded in time. The client's own queue would otherwise take commands while no server is
/// there, and block without a limit once it is full.
pub(crate) struct Connection {
    client: Client,
    jetstream: JsContext,
    link: watch::Receiver<Link>,
    request_timeout: Duration,
}

impl Connection {
    pub(super) fn new(
        client: Client,
        jetstream: JsContext,
        link: watch::Receiver<Link>,
        request_timeout: Duration,
    ) -> Self {
        Self { client, jetstream, link, request_timeout }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn jetstream(&self) -> &JsContext {
        &self.jetstream
    }

    pub(crate) fn link(&self) -> Link {
        *self.link.borrow()
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// What the server said of itself. It is there from the first connection on.
    pub(crate) fn server_info(&self) -> ServerInfo {
        self.client.try_server_info().unwrap_or_default()
    }

    /// Waits until there is a connection, and returns its epoch.
    pub(crate) async fn connected(&self, until: Instant) -> Result<u64, EventsError> {
        let link = self.link();
        if link.up && !link.closed {
            return Ok(link.epoch);
        }
        let mut receiver = self.link.clone();
        let waited = timeout_at(until, receiver.wait_for(|link| link.up || link.closed)).await;
        match waited {
            Ok(Ok(link)) if !link.closed => Ok(link.epoch),
            Ok(_) => Err(EventsError::Closed),
            Err(_) => Err(EventsError::Disconnected),
        }
    }

    /// Waits until the connection of this epoch is lost.
    pub(crate) async fn lost(&self, epoch: u64) {
        let mut receiver = self.link.clone();
        // An error is a connection that nobody reports on any more: it is lost, too.
        drop(receiver.wait_for(|link| link.epoch != epoch || link.closed).await);
    }

    /// Runs one call to the server: not before there is a connection, and not longer than the request timeout.
    pub(crate) async fn call<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, EventsError> {
        let until = deadline::after(self.request_timeout);
        self.connected(until).await?;
        let within = self.request_timeout;
        timeout_at(until, call).await.map_err(|_| EventsError::Timeout { operation, within })
    }

    /// A new inbox and the subscription to everything under it.
    pub(super) async fn inbox(&self) -> Result<(String, Subscriber), EventsError> {
        let inbox = self.client.new_inbox();
        let subscribed = self.call("subscribe", self.client.subscribe(format!("{inbox}.*"))).await?;
        Ok((inbox, subscribed.map_err(|error| EventsError::Unavailable(error.into()))?))
    }

    pub(super) async fn close(&self) {
        // Draining an already closed client fails, which is what we want; a client that is stuck is left to its fate.
        let _ended = timeout(self.request_timeout, self.client.drain()).await;
        let mut receiver = self.link.clone();
        let _closed = timeout(self.request_timeout, receiver.wait_for(|link| link.closed)).await;
    }
}

/// Follows the events of the client.
pub(super) fn observe(link: &watch::Sender<Link>, log: &Arc<dyn Logger>, event: &Event) {
    let ctx = Context::background();
    match event {
        Event::Connected => {
            link.send_modify(|link| link.up = true);
            info!(log, &ctx, "connected to NATS");
        }
        Event::Disconnected => {
            link.send_modify(|link| {
                link.up = false;
                link.epoch += 1;
            });
            warn!(log, &ctx, "lost the connection to NATS");
        }
        Event::Closed => {
            link.send_modify(|link| (link.up, link.closed) = (false, true));
            info!(log, &ctx, "closed the connection to NATS");
        }
        Event::SlowConsumer(subscription) => {
            warn!(log, &ctx, "NATS client dropped messages of a slow consumer", subscription = *subscription);
        }
        Event::ServerError(failure) => error!(log, &ctx, failure, "NATS server refused something"),
        Event::ClientError(_) | Event::LameDuckMode | Event::Draining => {
            let event = event.to_string();
            info!(log, &ctx, "NATS client changed its state", event);
        }
    }
}
