//! Servers, tables and a relay whose publishes are counted.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use underpin_database::{Connections, DatabaseSettings, Executor, Pool, TxOptions, connect, sql};
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_events::{Event, EventPublisher, EventsError, PublishReceipt};
use underpin_logger::NoopLogger;
use underpin_outbox::{Outbox, Relay, RelayDrain, RelaySettings};
use underpin_testkit::{NatsServer, PostgresDatabase};

use super::Done;

/// Ordering keys of the events of a fill; each event has one of them at random.
const KEYS: u32 = 10_000;
/// Rows that one transaction fills in at most.
const CHUNK: u64 = 1_000_000;

pub(crate) struct Stage {
    pub(crate) pool: Pool,
    pub(crate) bus: JetStream,
    pub(crate) outbox: Outbox,
    lanes: String,
    // Dropped after what uses them.
    _database: PostgresDatabase,
    _nats: Arc<NatsServer>,
}

impl Stage {
    pub(crate) async fn set() -> Done<Self> {
        Self::beside(Arc::new(NatsServer::private().await)).await
    }

    /// A stage with tables of its own, on a NATS server that others use too.
    pub(crate) async fn beside(nats: Arc<NatsServer>) -> Done<Self> {
        let database = PostgresDatabase::fresh().await;
        let pool = connect(&DatabaseSettings::new(database.url()), Arc::new(NoopLogger)).await?;
        let bus = JetStream::connect(&JetStreamSettings::new(nats.url()), Arc::new(NoopLogger)).await?;
        let outbox = Outbox::default();
        outbox.migrate(&pool).await?;
        let lane = |key: u32| Ok(outbox.row(&event(&key.to_string(), 0)?)?.partition.to_string());
        let lanes = (0..KEYS).map(lane).collect::<Done<Vec<_>>>()?.join(",");
        Ok(Self { pool, bus, outbox, lanes, _database: database, _nats: nats })
    }

    /// Fills the table with events of about 350 bytes.
    pub(crate) async fn fill(&self, rows: u64) -> Done {
        let text = format!(
            "INSERT INTO underpin_outbox (lane, key, envelope) SELECT lanes[k + 1], k, \
             '{{\"specversion\":\"1.0\",\"id\":\"' || gen_random_uuid() || '\",\"source\":\"/orders\",\"type\":\"order.placed\",' || \
             '\"subject\":\"' || k || '\",\"datacontenttype\":\"application/json\",\"data\":{{\"number\":0,\"pad\":\"' || repeat('x', 180) || '\"}}}}' \
             FROM (SELECT floor(random() * {KEYS})::integer AS k FROM generate_series(1, $1::bigint)) n, \
             (SELECT '{{{}}}'::smallint[] AS lanes OFFSET 0) l",
            self.lanes
        );
        let mut left = rows;
        while left > 0 {
            let chunk = left.min(CHUNK);
            // Larger than any statement of a service.
            let tx = self.pool.begin(TxOptions::default()).await?;
            tx.set_statement_timeout(Duration::ZERO).await?;
            tx.execute(sql(text.as_str(), [i64::try_from(chunk)?.into()])).await?;
            tx.commit().await?;
            left -= chunk;
        }
        Ok(())
    }

    pub(crate) async fn is_empty(&self) -> Done<bool> {
        let text = "SELECT NOT EXISTS (SELECT FROM underpin_outbox)";
        let row = self.pool.query_one(sql(text, [])).await?.ok_or("a row")?;
        Ok(row.try_get_by_index(0)?)
    }

    /// A relay with its defaults.
    pub(crate) fn relay(&self) -> Done<Running> {
        self.relay_that_tells(|_| {})
    }

    /// A relay that hands over the ordering keys of each batch that the broker has confirmed.
    pub(crate) fn relay_that_tells(&self, tell: impl Fn(&[String]) + Send + Sync + 'static) -> Done<Running> {
        let (confirmed, count) = watch::channel(0);
        let publisher = Arc::new(Counting { bus: self.bus.clone(), confirmed, tell: Box::new(tell) });
        let relay = Relay::start(&self.outbox, &self.pool, publisher, settings()?, Arc::new(NoopLogger))?;
        Ok(Running { relay, count })
    }
}

/// The defaults, or what `OUTBOX_WORKERS` and `OUTBOX_BATCH` say.
fn settings() -> Done<RelaySettings> {
    let mut settings = RelaySettings::default();
    for (name, number) in [("OUTBOX_WORKERS", &mut settings.workers), ("OUTBOX_BATCH", &mut settings.batch)] {
        if let Ok(text) = std::env::var(name) {
            *number = text.parse()?;
        }
    }
    Ok(settings)
}

/// A relay at work.
pub(crate) struct Running {
    relay: Relay,
    count: watch::Receiver<u64>,
}

impl Running {
    /// How many events the broker has confirmed.
    pub(crate) fn count(&self) -> u64 {
        *self.count.borrow()
    }

    pub(crate) async fn until(&mut self, count: u64) -> Done {
        let reached = self.count.wait_for(|confirmed| *confirmed >= count);
        drop(tokio::time::timeout(Duration::from_secs(600), reached).await??);
        Ok(())
    }

    pub(crate) async fn stop(self) -> Done {
        match self.relay.drain(Duration::from_secs(30)).await {
            RelayDrain::Drained => Ok(()),
            _ => Err("the relay did not drain".into()),
        }
    }
}

type Tell = Box<dyn Fn(&[String]) + Send + Sync>;

/// Counts what the broker confirms.
struct Counting {
    bus: JetStream,
    confirmed: watch::Sender<u64>,
    tell: Tell,
}

#[async_trait]
impl EventPublisher for Counting {
    async fn publish(&self, event: Event) -> Result<PublishReceipt, EventsError> {
        self.bus.publish(event).await
    }

    async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>> {
        let keys: Vec<String> = events.iter().map(|event| event.ordering_key().to_owned()).collect();
        let results = self.bus.publish_batch(events).await;
        (self.tell)(&keys);
        self.confirmed.send_modify(|confirmed| *confirmed += results.iter().flatten().count() as u64);
        results
    }

    async fn flush(&self, within: Duration) -> Result<(), EventsError> {
        self.bus.flush(within).await
    }
}

/// An event as a fill writes them.
pub(crate) fn event(key: &str, number: u64) -> Done<Event> {
    let payload = serde_json::json!({ "number": number, "pad": "x".repeat(180) });
    Ok(Event::builder("order.placed", "/orders").subject(key).json(&payload).build()?)
}
