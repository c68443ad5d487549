//! A relay that is frozen for longer than its lease, as by SIGSTOP, and thawed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, oneshot};
use underpin_database::{Executor, Pool, sql};
use underpin_events::{Event, EventPublisher, EventsError, PublishReceipt};
use underpin_logger::NoopLogger;
use underpin_outbox::{Outbox, OutboxSettings, Relay, RelayDrain, RelaySettings};

use crate::support::{
    LIMIT, Recorder, TestDatabase, count, drained, enqueue, event, outbox, pool, quick, relay, until,
};

/// Blocks its thread after the first window, and with it everything that runs there.
struct Freezing {
    publisher: Arc<Recorder>,
    /// What this relay says about events of this key in the first window, which is stored in truth.
    unconfirmed: Option<&'static str>,
    published: AtomicUsize,
    frozen: mpsc::Sender<()>,
    thaw: Mutex<mpsc::Receiver<()>>,
    was_frozen: AtomicBool,
}

#[async_trait]
impl EventPublisher for Freezing {
    async fn publish(&self, event: Event) -> Result<PublishReceipt, EventsError> {
        self.publish_batch(vec![event]).await.pop().unwrap()
    }

    async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>> {
        self.published.fetch_add(events.len(), Ordering::SeqCst);
        let keys: Vec<Option<String>> =
            events.iter().map(|event| event.subject().map(str::to_owned)).collect();
        let mut results = self.publisher.publish_batch(events).await;
        if !self.was_frozen.swap(true, Ordering::SeqCst) {
            for (result, key) in results.iter_mut().zip(keys) {
                if key.as_deref() == self.unconfirmed && key.is_some() {
                    let within = Duration::from_millis(1);
                    *result = Err(EventsError::Unconfirmed { within, source: "no answer".into() });
                }
            }
            self.frozen.send(()).unwrap();
            self.thaw.lock().await.recv().unwrap();
        }
        results
    }

    async fn flush(&self, _within: Duration) -> Result<(), EventsError> {
        Ok(())
    }
}

/// A relay in its own thread, which is frozen in the middle of its first batch.
struct Frozen {
    publisher: Arc<Freezing>,
    thaw: mpsc::Sender<()>,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Frozen {
    /// Returns when it is frozen.
    async fn start(
        outbox: &Outbox,
        database: &TestDatabase,
        recorder: &Arc<Recorder>,
        unconfirmed: Option<&'static str>,
    ) -> Self {
        let ((frozen, is_frozen), (thaw, thawed)) = (mpsc::channel(), mpsc::channel());
        let publisher = Arc::new(Freezing {
            publisher: Arc::clone(recorder),
            unconfirmed,
            published: AtomicUsize::new(0),
            frozen,
            thaw: Mutex::new(thawed),
            was_frozen: AtomicBool::new(false),
        });
        let (stop, stopped) = oneshot::channel();
        let (outbox, url) = (outbox.clone(), database.pool.settings().url.expose().clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let freezing = Arc::clone(&publisher);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let pool = pool(&url).await;
                let relay = Relay::start(&outbox, &pool, freezing, one_worker(), Arc::new(NoopLogger));
                stopped.await.unwrap();
                assert_eq!(relay.unwrap().drain(LIMIT).await, RelayDrain::Drained);
            });
        });
        tokio::task::spawn_blocking(move || is_frozen.recv_timeout(LIMIT).unwrap()).await.unwrap();
        Self { publisher, thaw, stop, thread }
    }

    fn thaw(&self) {
        self.thaw.send(()).unwrap();
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::task::spawn_blocking(move || self.thread.join().unwrap()).await.unwrap();
    }
}

fn one_worker() -> RelaySettings {
    let mut settings = quick();
    settings.workers = 1;
    settings
}

async fn owners(pool: &Pool) -> Vec<String> {
    let text = "SELECT DISTINCT owner FROM underpin_outbox_lanes WHERE owner IS NOT NULL";
    let rows = pool.query_all(sql(text, [])).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Waits until the partitions of the frozen relay belong to another one.
async fn taken_over(pool: &Pool, from: &[String]) {
    let taken = || async {
        let owners = owners(pool).await;
        owners.len() == 1 && owners != from
    };
    until("the partitions are taken over", taken).await;
}

on_both! {
    /// Without a look at its lease it would go on with its batch: 24 events more, behind the back of the heir.
    async fn a_relay_that_was_frozen_publishes_nothing_of_what_it_had_taken(database) {
        const KEYS: usize = 12;
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        let keys: Vec<String> = (0..KEYS).map(|key| format!("k{key}")).collect();
        let round = |number| keys.iter().map(|key| event(key, number)).collect::<Vec<_>>();
        enqueue(&outbox, &database.pool, &[round(0), round(1), round(2)].concat()).await;
        let frozen = Frozen::start(&outbox, &database, &publisher, None).await;
        assert_eq!(publisher.len(), KEYS, "the first of each key is out");
        let heir = relay(&outbox, &database, &publisher, one_worker());
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.len(), 3 * KEYS);
        frozen.thaw();
        until("both have partitions", || async { owners(&database.pool).await.len() == 2 }).await;
        assert_eq!(frozen.publisher.published.load(Ordering::SeqCst), KEYS, "it went on without a lease");
        enqueue(&outbox, &database.pool, &round(3)).await;
        drained(&outbox, &database.pool).await;
        for key in &keys {
            assert_eq!(publisher.numbers(key), [0, 1, 2, 3], "{key}");
        }
        frozen.stop().await;
        assert_eq!(heir.drain(LIMIT).await, RelayDrain::Drained);
    }

    /// It saw an event fail, and would quarantine it; but the heir, which does not know that, would then send the next one.
    async fn a_relay_that_was_frozen_marks_nothing_that_it_no_longer_owns(database) {
        let (outbox, publisher) = (outbox(&database, OutboxSettings::default()).await, Recorder::new());
        enqueue(&outbox, &database.pool, &[event("a", 1), event("a", 2), event("b", 1)]).await;
        let frozen = Frozen::start(&outbox, &database, &publisher, Some("a")).await;
        let before = owners(&database.pool).await;
        // The heir owns everything, and can do nothing yet.
        publisher.down.store(true, Ordering::SeqCst);
        let heir = relay(&outbox, &database, &publisher, one_worker());
        taken_over(&database.pool, &before).await;
        frozen.thaw();
        let sent = "SELECT count(*) FROM underpin_outbox WHERE key = 'b'";
        until("what was sent is removed", || async { count(&database.pool, sent).await == 0 }).await;
        assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_outbox_held").await, 0);
        assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_outbox").await, 2);
        publisher.down.store(false, Ordering::SeqCst);
        drained(&outbox, &database.pool).await;
        assert_eq!(publisher.numbers("a"), [1, 2]);
        frozen.stop().await;
        assert_eq!(heir.drain(LIMIT).await, RelayDrain::Drained);
    }
}
