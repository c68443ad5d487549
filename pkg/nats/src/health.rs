use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use underpin_errors::{Health, HealthCheck, Report};

use crate::{Connection, NatsError, deadline};

/// How long the server may take to answer: below the two seconds that a check usually has.
const WITHIN: Duration = Duration::from_millis(1500);

#[async_trait]
impl HealthCheck for Connection {
    fn name(&self) -> &'static str {
        "nats"
    }

    async fn check(&self) -> Health {
        let (link, info) = (self.link(), self.server_info());
        let health = match (link.closed, link.up) {
            (true, _) => Health::down("connection is closed"),
            (_, false) => match self.failure() {
                Some(failure) => Health::down(format!("not connected: {failure}")),
                None => Health::down("not connected"),
            },
            (_, true) => match round_trip(self).await {
                Err(failure) => Health::down(Report(&failure).to_string()),
                Ok(()) if link.lame_duck => Health::degraded("the server announced its shutdown"),
                Ok(()) => Health::up(),
            },
        };
        health
            .detail("server", info.server_name)
            .detail("server_version", info.version)
            .detail("reconnects", link.epoch)
            .detail("rebuilds", link.rebuilds)
            .detail("pending_requests", self.waiting())
    }
}

/// A connection to a frozen server looks healthy until something is asked. The server itself answers a request without
/// subscribers, or refuses the subject: both are signs of life.
async fn round_trip(connection: &Connection) -> Result<(), NatsError> {
    let subject = connection.client().new_inbox().into();
    match connection.request(subject, None, Bytes::new(), deadline::after(WITHIN)).await {
        Ok(_) | Err(NatsError::NoResponders { .. } | NatsError::Unauthorized(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}
