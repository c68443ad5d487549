use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::{Error, HealthCheck, ResultExt as _};
use underpin_nats::{Connection, NatsSettings};

use crate::{Component, Deadline, Opened, Opening, Plugin, Stopped};

/// The NATS connection of a service, or that it has none: then what stands on it is in this process. Clones share it.
///
/// A service with a bus takes [`Bus::nats`](crate::Bus::nats), another one opens its own:
///
/// ```
/// use underpin_nats::NatsSettings;
/// use underpin_service::testing::TestService;
/// use underpin_service::{Ended, Nats};
///
/// # #[tokio::main] async fn main() {
/// let ended = TestService::new(NatsSettings::default().servers([""; 0]))
///     .run(
///         async |start| {
///             let settings = start.settings();
///             let nats = start.plugin(Nats::open(&settings)).await?;
///             assert!(nats.connection().is_none());
///             Ok(())
///         },
///         async |_| {},
///     )
///     .await;
/// assert!(matches!(ended, Ended::Clean { .. }));
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Nats(Option<Connection>);

impl Nats {
    /// Connects where the settings name servers.
    pub fn open(settings: &NatsSettings) -> OpenNats {
        OpenNats((!settings.servers.is_empty()).then(|| Box::new(settings.clone())))
    }

    /// One that is connected already.
    #[cfg(feature = "jetstream")]
    pub(crate) fn of(connection: Option<&Connection>) -> Self {
        Self(connection.cloned())
    }

    /// The connection, if there is one.
    pub fn connection(&self) -> Option<&Connection> {
        self.0.as_ref()
    }
}

impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nats").field("is_connected", &self.0.is_some()).finish()
    }
}

/// See [`Nats::open`].
#[derive(Debug)]
#[must_use = "pass it to Start::plugin"]
pub struct OpenNats(Option<Box<NatsSettings>>);

impl Plugin for OpenNats {
    type Handle = Nats;

    async fn open(self, at: &Opening) -> Result<Opened<Nats>, Error> {
        let nats = match &self.0 {
            Some(settings) if at.is_serving() => {
                let connected = Connection::connect(settings, Arc::clone(&at.log)).await;
                Nats(Some(connected.context("connect to NATS")?))
            }
            // No command of ours needs it.
            _ => Nats(None),
        };
        Ok(Opened::new(nats.clone(), nats))
    }
}

/// Stopped after everything that stands on it.
#[async_trait]
impl Component for Nats {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "nats"
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        let Some(connection) = &self.0 else { return Stopped::Clean };
        match deadline.run(connection.close()).await {
            Some(()) => Stopped::Clean,
            None => Stopped::cut("the connection"),
        }
    }

    fn health(&self) -> Option<Arc<dyn HealthCheck>> {
        self.0.clone().map(|connection| Arc::new(connection) as Arc<dyn HealthCheck>)
    }

    fn is_required(&self) -> bool {
        false
    }
}
