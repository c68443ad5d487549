//! What the tests of the outbox share: a database, a publisher that fails on demand, and short waits.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use underpin_database::{DatabaseExt, DatabaseSettings, Executor, Pool, TxOptions, connect};
use underpin_events::{Backoff, Event, EventPublisher, EventsError, PublishReceipt};
use underpin_logger::NoopLogger;
use underpin_outbox::{Outbox, OutboxError, OutboxSettings, Relay, RelaySettings};
use underpin_testkit::{PostgresDatabase, eventually};

/// A limit for everything that a test waits for.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A database for one test.
pub(crate) struct TestDatabase {
    pub(crate) pool: Pool,
    /// Dropped after the pool.
    _postgres: Option<PostgresDatabase>,
    _folder: Option<tempfile::TempDir>,
}

impl TestDatabase {
    pub(crate) async fn postgres() -> Self {
        let postgres = PostgresDatabase::fresh().await;
        Self { pool: pool(postgres.url()).await, _postgres: Some(postgres), _folder: None }
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}?mode=rwc", folder.path().join("test.db").display());
        Self { pool: pool(&url).await, _postgres: None, _folder: Some(folder) }
    }
}

pub(crate) async fn pool(url: &str) -> Pool {
    let mut settings = DatabaseSettings::new(url);
    settings.max_open = 10;
    // A busy machine is no reason to fail.
    settings.acquire_timeout = LIMIT;
    settings.connect_timeout = LIMIT;
    connect(&settings, Arc::new(NoopLogger)).await.unwrap()
}

pub(crate) async fn outbox(database: &TestDatabase, settings: OutboxSettings) -> Outbox {
    let outbox = Outbox::new(settings).unwrap();
    outbox.migrate(&database.pool).await.unwrap();
    outbox
}

/// Settings with which a test need not wait for long.
pub(crate) fn quick() -> RelaySettings {
    let mut settings = RelaySettings::default();
    settings.lease = Duration::from_secs(2);
    settings.publish_timeout = Duration::from_secs(1);
    settings.event_backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(100));
    settings.outage_backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(200));
    settings
}

pub(crate) fn relay(
    outbox: &Outbox,
    database: &TestDatabase,
    publisher: &Arc<impl EventPublisher>,
    settings: RelaySettings,
) -> Relay {
    let publisher: Arc<dyn EventPublisher> = Arc::clone(publisher) as _;
    Relay::start(outbox, &database.pool, publisher, settings, Arc::new(NoopLogger)).unwrap()
}

pub(crate) fn event(key: &str, number: u64) -> Event {
    Event::builder("test.happened", "/test").subject(key).json(&number).build().unwrap()
}

/// Enqueues events in one transaction.
pub(crate) async fn enqueue(outbox: &Outbox, pool: &Pool, events: &[Event]) {
    let work = |tx| async move { outbox.enqueue_all(&tx, events).await };
    pool.transaction::<_, OutboxError, _, _>(TxOptions::default(), work).await.unwrap();
}

/// [`underpin_testkit::eventually`] within [`LIMIT`].
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl FnMut() -> F) {
    eventually(LIMIT, what, holds).await;
}

pub(crate) async fn drained(outbox: &Outbox, pool: &Pool) {
    until("nothing waits", || async { outbox.lag(pool).await.unwrap().waiting == 0 }).await;
}

pub(crate) async fn count(pool: &Pool, text: &str) -> i64 {
    pool.query_one(underpin_database::sql(text, [])).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// A publisher that records what it stores, drops repeats by id as a broker does, and fails on demand.
#[derive(Default)]
pub(crate) struct Recorder {
    stored: Mutex<Vec<Event>>,
    calls: Mutex<HashMap<String, u32>>,
    /// Every event whose subject is in here fails in this way.
    faults: Mutex<HashMap<String, Fault>>,
    /// Everything fails: there is no connection.
    pub(crate) down: AtomicBool,
    /// So many of a hundred publishes are not confirmed, by chance.
    pub(crate) failing_per_cent: AtomicU64,
    /// Publishes never end.
    pub(crate) hangs: AtomicBool,
    /// Publishes that hang or hung.
    pub(crate) hung: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    /// Keys of events that are in flight.
    in_flight: Mutex<HashSet<String>>,
    /// How often an event was to be published while another of its key was in flight.
    pub(crate) key_overlaps: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Not confirmed, and not stored.
    Lost,
    /// Not confirmed, but stored.
    StoredUnconfirmed,
    /// Refused for good.
    TooLarge,
    /// Refused at once, for lack of a permission.
    Denied,
    /// Fails with a text that no column takes.
    Text(&'static str),
    /// There is never an answer, and none for those in the same batch either.
    Silent,
    /// The publisher panics.
    Panics,
}

impl Recorder {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn fault(&self, key: &str, fault: Option<Fault>) {
        let mut faults = self.faults.lock().unwrap();
        match fault {
            Some(fault) => drop(faults.insert(key.to_owned(), fault)),
            None => drop(faults.remove(key)),
        }
    }

    /// The numbers stored for a key, in order.
    pub(crate) fn numbers(&self, key: &str) -> Vec<u64> {
        let stored = self.stored.lock().unwrap();
        stored
            .iter()
            .filter(|event| event.subject() == Some(key))
            .map(|event| event.json().unwrap())
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.stored.lock().unwrap().len()
    }

    pub(crate) fn calls(&self, id: &str) -> u32 {
        self.calls.lock().unwrap().get(id).copied().unwrap_or(0)
    }

    fn fault_of(&self, event: &Event) -> Option<Fault> {
        event.subject().and_then(|key| self.faults.lock().unwrap().get(key).copied())
    }

    fn store(&self, event: Event) -> PublishReceipt {
        let mut stored = self.stored.lock().unwrap();
        if let Some(place) = stored.iter().position(|known| known.id() == event.id()) {
            self.duplicates.fetch_add(1, Ordering::SeqCst);
            return PublishReceipt::new(place as u64 + 1, true);
        }
        stored.push(event);
        PublishReceipt::new(stored.len() as u64, false)
    }
}

#[async_trait]
impl EventPublisher for Recorder {
    async fn publish(&self, event: Event) -> Result<PublishReceipt, EventsError> {
        self.publish_batch(vec![event]).await.pop().unwrap()
    }

    async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>> {
        if self.hangs.load(Ordering::SeqCst) {
            self.hung.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        let _in_flight = InFlightKeys::enter(self, &events);
        let silent = events.iter().any(|event| matches!(self.fault_of(event), Some(Fault::Silent)));
        let mut results = Vec::new();
        for event in events {
            *self.calls.lock().unwrap().entry(event.id().to_owned()).or_default() += 1;
            let fault = self.fault_of(&event);
            let unconfirmed =
                EventsError::Unconfirmed { within: Duration::from_millis(1), source: "no answer".into() };
            let by_chance = rand::random_range(0..100) < self.failing_per_cent.load(Ordering::SeqCst);
            results.push(match fault {
                _ if by_chance => Err(unconfirmed),
                _ if self.down.load(Ordering::SeqCst) => Err(EventsError::Disconnected),
                Some(Fault::Lost | Fault::Silent) => Err(unconfirmed),
                Some(Fault::Panics) => panic!("on demand"),
                Some(Fault::StoredUnconfirmed) => {
                    self.store(event);
                    Err(unconfirmed)
                }
                Some(Fault::Denied) => Err(EventsError::Unauthorized("permissions violation".into())),
                Some(Fault::Text(text)) => Err(EventsError::backend("publish", text)),
                Some(Fault::TooLarge) => Err(EventsError::TooLarge { size: 2, limit: Some(1) }),
                None => Ok(self.store(event)),
            });
        }
        if silent {
            std::future::pending::<()>().await;
        }
        // The broker answers a little later, so that relays overlap.
        tokio::task::yield_now().await;
        results
    }

    async fn flush(&self, _within: Duration) -> Result<(), EventsError> {
        Ok(())
    }
}

/// Keys that are in flight until it is dropped, as they are where the relay gives up.
struct InFlightKeys<'a> {
    publisher: &'a Recorder,
    keys: Vec<String>,
}

impl<'a> InFlightKeys<'a> {
    fn enter(publisher: &'a Recorder, events: &[Event]) -> Self {
        let mut all = publisher.in_flight.lock().unwrap();
        let mut keys = Vec::new();
        for key in events.iter().map(|event| event.ordering_key().to_owned()) {
            if all.insert(key.clone()) {
                keys.push(key);
            } else {
                publisher.key_overlaps.fetch_add(1, Ordering::SeqCst);
            }
        }
        Self { publisher, keys }
    }
}

impl Drop for InFlightKeys<'_> {
    fn drop(&mut self) {
        let mut all = self.publisher.in_flight.lock().unwrap();
        for key in &self.keys {
            all.remove(key);
        }
    }
}
