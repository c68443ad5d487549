use std::sync::Arc;

use async_nats::Subject;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use bytes::Bytes;
use underpin_logger::Logger;
use underpin_nats::{Connection, SessionLocal};

use crate::EventsError;

/// The connection, and the JetStream API of its domain.
pub(crate) struct JetStreamApi {
    pub(crate) connection: Connection,
    pub(crate) log: Arc<dyn Logger>,
    domain: Option<String>,
    context: SessionLocal<Context>,
}

impl JetStreamApi {
    pub(super) fn new(connection: Connection, domain: Option<String>, log: Arc<dyn Logger>) -> Self {
        Self { connection, log, domain, context: SessionLocal::default() }
    }

    /// The JetStream context of the current client.
    pub(crate) fn context(&self) -> Arc<Context> {
        self.context.get_or_make(&self.connection, |client| {
            let timeout = self.connection.request_timeout();
            match &self.domain {
                Some(domain) => ContextBuilder::new().domain(domain).timeout(timeout).build(client),
                None => ContextBuilder::new().timeout(timeout).build(client),
            }
        })
    }

    /// A subject of the API, such as `CONSUMER.MSG.NEXT.EVENTS.projection`.
    pub(super) fn subject(&self, call: &str) -> Subject {
        match &self.domain {
            Some(domain) => format!("$JS.{domain}.API.{call}").into(),
            None => format!("$JS.API.{call}").into(),
        }
    }

    /// Whether the server we are connected to has JetStream, or the domain that we ask for.
    pub(super) fn has_jetstream(&self) -> bool {
        self.domain.is_some() || self.connection.server_info().jetstream
    }

    /// [`Connection::call`] with the errors of this crate.
    pub(crate) async fn call<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, EventsError> {
        Ok(self.connection.call(operation, call).await?)
    }

    /// Publishes an acknowledgement whose arrival is not awaited. A failure changes nothing: the server delivers the message
    /// again.
    pub(super) async fn tell(&self, subject: Subject, payload: Bytes) {
        drop(self.connection.publish(subject, None, None, payload).await);
    }
}
