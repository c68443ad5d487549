use async_nats::{Message, Subscriber};
use futures_util::{FutureExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::api::JetStreamApi;
use super::error::JetStreamError;
use crate::{Connection, NatsError};

/// A consumer without acknowledgements, and the subscription to what it delivers. The server removes it a while after its subscription
/// has ended.
#[derive(Debug)]
pub struct EphemeralConsumer {
    connection: Connection,
    name: String,
    inbox: String,
    subscriber: Subscriber,
    epoch: u64,
    pending: u64,
}

#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    num_pending: u64,
    #[serde(default)]
    delivered: Delivered,
}

#[derive(Default, Deserialize)]
struct Delivered {
    #[serde(default)]
    consumer_seq: u64,
}

impl EphemeralConsumer {
    /// Creates a consumer of a stream, with these fields beside those that all have. `config` gets the inbox.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// A consumer may stay until the server removes it.
    pub async fn create(
        api: &JetStreamApi,
        stream: &str,
        config: impl FnOnce(&str) -> Value,
    ) -> Result<Self, JetStreamError> {
        let connection = api.connection().clone();
        let (epoch, client) = (connection.link().epoch, connection.client());
        let inbox = client.new_inbox();
        // To the subject itself: the server does not count a subscription with a wildcard as interest.
        let subscribed = connection.call("subscribe", client.subscribe(inbox.clone())).await?;
        let subscriber = subscribed.map_err(|error| NatsError::Unavailable(error.into()))?;
        let name = inbox.rsplit('.').next().unwrap_or_default().to_owned();
        let mut body = json!({
            "stream_name": stream,
            "action": "create",
            "config": {
                "name": name,
                "ack_policy": "none",
                "replay_policy": "instant",
                "num_replicas": 1,
                "mem_storage": true,
            },
        });
        if let (Some(all), Value::Object(own)) =
            (body.get_mut("config").and_then(Value::as_object_mut), config(&inbox))
        {
            all.extend(own);
        }
        let call = format!("CONSUMER.CREATE.{stream}.{name}");
        let Created { num_pending, delivered } = api.call(&call, &body).await?;
        // What was pushed before the answer was made does not count as pending any more.
        let pending = num_pending + delivered.consumer_seq;
        Ok(Self { connection, name, inbox, subscriber, epoch, pending })
    }

    /// The name of the consumer on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The subject that it delivers to.
    pub fn inbox(&self) -> &str {
        &self.inbox
    }

    /// How many messages it had to deliver when it was created.
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// A message that has arrived already.
    pub fn ready(&mut self) -> Option<Message> {
        self.subscriber.next().now_or_never()?
    }

    /// Waits for the next message; none when there is none until then.
    ///
    /// # Errors
    /// [`NatsError::Lost`] when none can come any more: the connection was lost, or its client was rebuilt.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next(&mut self, until: Instant) -> Result<Option<Message>, NatsError> {
        tokio::select! {
            biased;
            message = timeout_at(until, self.subscriber.next()) => match message {
                Ok(message) => message.map(Some).ok_or(NatsError::Lost),
                Err(_) => Ok(None),
            },
            () = self.connection.lost(self.epoch) => Err(NatsError::Lost),
        }
    }
}
