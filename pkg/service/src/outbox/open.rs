use std::sync::Arc;
use std::time::Duration;

use underpin_database::Pool;
use underpin_errors::{Error, ResultExt as _};
use underpin_outbox::{Inbox, InboxSettings, Outbox, OutboxSettings, RelaySettings};

use super::part::OutboxPart;
use crate::commands::{Offer, OutboxCommand};
use crate::{Bus, Opened, Opening, Plugin};

/// How long the number of waiting events is waited for while the service stops.
const READ: Duration = Duration::from_secs(1);

/// The outbox of this database, published to this bus: creates the tables of outbox and inbox, and starts the relay and the sweeper of the inbox.
/// The handle is the [`Outbox`], for [`enqueue`](Outbox::enqueue) in the transactions of handlers.
///
/// When the service stops, the relay publishes what requests and consumers wrote last; JetStream or the journal of the bus in memory keep it for
/// the next process. What cannot be published waits in the outbox. Its health is `outbox`; trouble makes the service degraded, not unready.
///
/// # Examples
/// ```
/// use underpin_database::{DatabaseExt, DatabaseSettings, TxOptions};
/// use underpin_events::{Event, Outcome, SubscribeOptions, handler_fn};
/// use underpin_outbox::OutboxError;
/// use underpin_service::testing::TestService;
/// use underpin_service::{Bus, Ended};
///
/// # #[tokio::main] async fn main() {
/// let (seen, mut events) = tokio::sync::mpsc::unbounded_channel();
/// let writer = std::sync::OnceLock::new();
/// let ended = TestService::new(DatabaseSettings::new("sqlite::memory:"))
///     .run(
///         async |start| {
///             let settings = start.settings();
///             let database = start.plugin(underpin_service::database(&settings)).await?;
///             let bus = start.plugin(Bus::embedded()).await?;
///             let outbox = start.part(underpin_service::outbox(&database, &bus)).await?;
///             let reader = handler_fn(move |delivery| {
///                 seen.send(delivery.into_event()).ok();
///                 async { Outcome::ack() }
///             });
///             start.traffic(bus.consumer(SubscribeOptions::new("reader").types(["order.>"]), reader));
///             writer.set((database, outbox)).ok();
///             Ok(())
///         },
///         async |_| {
///             let (database, outbox) = writer.get().unwrap();
///             let event = &Event::builder("order.placed", "/orders").subject("42").build().unwrap();
///             let place = |tx| async move {
///                 // ... the change itself, on `tx` ...
///                 outbox.enqueue(&tx, event).await
///             };
///             database.transaction::<_, OutboxError, _, _>(TxOptions::default(), place).await.unwrap();
///             assert_eq!(events.recv().await.unwrap().subject(), Some("42"));
///         },
///     )
///     .await;
/// assert!(matches!(ended, Ended::Clean { .. }));
/// # }
/// ```
pub fn outbox(database: &Pool, bus: &Bus) -> OpenOutbox {
    OpenOutbox {
        database: database.clone(),
        bus: bus.clone(),
        settings: OutboxSettings::default(),
        relay: RelaySettings::default(),
        inbox: InboxSettings::default(),
    }
}

/// See [`outbox`].
#[derive(Debug)]
#[must_use = "pass it to Start::part"]
pub struct OpenOutbox {
    database: Pool,
    bus: Bus,
    settings: OutboxSettings,
    relay: RelaySettings,
    inbox: InboxSettings,
}

impl OpenOutbox {
    /// The largest event, and what follows a quarantine.
    pub fn settings(mut self, settings: OutboxSettings) -> Self {
        self.settings = settings;
        self
    }

    /// How the relay works.
    pub fn relay(mut self, settings: RelaySettings) -> Self {
        self.relay = settings;
        self
    }

    /// How long the inbox remembers. Consumers take an [`Inbox`] with the same settings.
    pub fn inbox(mut self, settings: InboxSettings) -> Self {
        self.inbox = settings;
        self
    }
}

impl Plugin for OpenOutbox {
    type Handle = Outbox;

    async fn open(self, at: &Opening) -> Result<Opened<Outbox>, Error> {
        let outbox = Outbox::new(self.settings).context("set up the outbox")?;
        let inbox = Inbox::new(self.inbox).context("set up the inbox")?;
        if at.is_serving() {
            outbox.migrate(&self.database).await.context("create the tables of the outbox")?;
            inbox.migrate(&self.database).await.context("create the table of the inbox")?;
        }
        let command = OutboxCommand::new(self.database.clone(), outbox.clone());
        at.commands.offer(Offer::new("outbox", command));
        let (counted, database) = (outbox.clone(), self.database.clone());
        self.bus.backlog().set_outbox(move || {
            let (outbox, database) = (counted.clone(), database.clone());
            Box::pin(async move {
                let lag = tokio::time::timeout(READ, outbox.lag(&database)).await;
                lag.ok().and_then(Result::ok).map(|lag| lag.waiting)
            })
        });
        let part =
            OutboxPart::new(outbox.clone(), inbox, self.database, self.bus, self.relay, Arc::clone(&at.log));
        Ok(Opened::new(outbox, part))
    }
}
