use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use underpin_errors::{HealthCheck, Report};
use underpin_nats::jetstream::JetStreamError;

use super::backend::Backend;
use super::feed::{Arrival, Feed, From};
use super::watch_health::WatchHealth;
use crate::{Entry, Removals, StoreError, Values, Watch, WatchEvent, WatchOptions, WatchStart, meters};

/// How long a bucket without markers remembers removals, at least: see `forget_removals`.
const REMEMBERED: Duration = Duration::from_secs(30 * 60);
/// The wait between attempts to go on.
const PAUSE: Duration = Duration::from_millis(200);

/// A watch over consumers that replace each other: where it was, and what it owes.
pub(super) struct JetStreamWatch {
    backend: Arc<Backend>,
    options: WatchOptions,
    health: Arc<WatchHealth>,
    feed: Option<Feed>,
    /// Where the next consumer begins.
    from: From,
    /// The last sequence that was delivered or skipped.
    last: u64,
    /// When the bucket was made, which distinguishes buckets of one name.
    created: String,
    /// Whether `Current` was delivered.
    sent_current: bool,
    /// The server's clock at some moment.
    clock: (SystemTime, Instant),
    /// When something arrived last.
    arrived: Instant,
    /// Since when messages are missing.
    interrupted: Option<Instant>,
    /// Whether the reader was too slow to go on.
    starts_over: bool,
    /// Where the last interruption was.
    interrupted_at: Option<From>,
    /// Whether two interruptions were at the same place: the next message may have a header that breaks the connection.
    stuck: bool,
    /// A consumer that is to be removed.
    replaced: Option<String>,
}

impl JetStreamWatch {
    pub(super) async fn open(backend: Arc<Backend>, options: WatchOptions) -> Result<Self, StoreError> {
        let info = backend.info().await?;
        let from = match options.start {
            WatchStart::Current => From::State,
            WatchStart::New => From::Sequence(info.state.last_seq + 1),
            WatchStart::After(revision) => From::Sequence(revision.get().saturating_add(1)),
        };
        let mut watch = Self {
            backend,
            options,
            health: Arc::default(),
            feed: None,
            from,
            last: 0,
            sent_current: false,
            clock: (info.now(), Instant::now()),
            created: info.created,
            arrived: Instant::now(),
            interrupted: None,
            starts_over: false,
            interrupted_at: None,
            stuck: false,
            replaced: None,
        };
        if !matches!(from, From::Sequence(first) if first > info.state.last_seq + 1) {
            watch.feed = Some(Feed::open(&watch.backend, &watch.options, from).await?);
        }
        Ok(watch)
    }

    pub(super) fn request_timeout(&self) -> Duration {
        self.backend.api.connection().request_timeout()
    }

    /// The next event; none when nothing happened for so long, twice the silence of a heartbeat at least.
    pub(super) async fn next_within(&mut self, within: Duration) -> Result<Option<WatchEvent>, StoreError> {
        let within = within.max(Duration::from_secs(15));
        timeout(within, self.next()).await.ok().transpose()
    }

    /// Goes on after an interruption, and waits a moment where that is not possible.
    async fn resume(&mut self) -> Result<Option<WatchEvent>, StoreError> {
        let problem = match self.go_on().await {
            Ok(event) => return Ok(event),
            Err(problem) => problem,
        };
        self.health.set(Some(Report(&problem).to_string()));
        if !problem.is_retryable() {
            return Err(problem);
        }
        sleep(PAUSE).await;
        Ok(None)
    }

    /// Makes the next consumer. Returns an event where one is due first.
    ///
    /// Each await may be the last: what was done so far is in `self`, and the next call goes on.
    async fn go_on(&mut self) -> Result<Option<WatchEvent>, StoreError> {
        if let Some(name) = &self.replaced {
            let call = format!("CONSUMER.DELETE.{}.{name}", self.backend.layout.stream);
            // One that is gone is no failure, and one that stays is removed by the server.
            if let Err(JetStreamError::Unanswered(error)) =
                self.backend.api.call::<Value>(&call, &Value::Null).await
            {
                return Err(StoreError::unanswered("watch", error));
            }
            self.replaced = None;
        }
        let info = self.backend.info().await?;
        let first = match self.from {
            From::State => 0,
            From::Sequence(first) => first,
        };
        if self.created != info.created || first > info.state.last_seq + 1 || self.has_forgotten() {
            self.created = info.created;
            (self.from, self.last, self.sent_current) = (From::State, 0, false);
            (self.interrupted, self.interrupted_at, self.stuck, self.starts_over) =
                (None, None, false, false);
            return Ok(Some(WatchEvent::Reset));
        }
        if self.stuck
            && let Some(event) = self.step().await?
        {
            return Ok(Some(event));
        }
        let feed = Feed::open(&self.backend, &self.options, self.from).await?;
        self.clock = (info.now(), Instant::now());
        (self.feed, self.interrupted, self.arrived) = (Some(feed), None, Instant::now());
        self.health.set(None);
        Ok(None)
    }

    /// Whether the bucket may have forgotten removals that were not delivered yet.
    fn has_forgotten(&self) -> bool {
        // The reader knows nothing yet that could be stale.
        let too_long = self.interrupted.is_some_and(|since| since.elapsed() >= self.remembered());
        matches!(self.from, From::Sequence(_)) && (self.starts_over || too_long)
    }

    fn remembered(&self) -> Duration {
        let bucket = &self.backend.bucket;
        if bucket.key_ttl { bucket.marker_ttl } else { bucket.ttl.unwrap_or(REMEMBERED) }
    }

    /// Whether a message comes so late that removals between it and the one before may be forgotten: the reader is too slow.
    fn is_late(&self, stored: SystemTime, now: Instant) -> bool {
        let age = || (self.clock.0 + now.duration_since(self.clock.1)).duration_since(stored);
        self.sent_current && age().is_ok_and(|age| age >= self.remembered())
    }

    /// Reads one message by the JSON API: one with a malformed header would end the client's task again.
    async fn step(&mut self) -> Result<Option<WatchEvent>, StoreError> {
        let first = match self.from {
            From::State => 1,
            From::Sequence(first) => first,
        };
        let keys = match self.options.patterns.as_slice() {
            [one] => format!("{}{one}", self.backend.layout.prefix),
            _ => format!("{}>", self.backend.layout.prefix),
        };
        let found = self.backend.message(&json!({ "seq": first, "next_by_subj": keys })).await?;
        self.stuck = false;
        let Some((sequence, entry)) = found else { return Ok(None) };
        let entry = entry.filter(|entry| {
            let patterns = &self.options.patterns;
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&entry.key))
        });
        Ok(self.passed(sequence, entry))
    }

    /// Notes a message, and makes the event of it if there is one.
    fn passed(&mut self, sequence: u64, entry: Option<Entry>) -> Option<WatchEvent> {
        if sequence <= self.last {
            return None;
        }
        (self.last, self.from) = (sequence, From::Sequence(sequence + 1));
        let mut entry = entry.filter(|entry| self.options.removals == Removals::Include || entry.is_put())?;
        if self.options.values == Values::Exclude {
            entry.value = bytes::Bytes::new();
        }
        Some(WatchEvent::Changed(entry))
    }

    fn interrupt(&mut self, reason: &str) {
        let Some(feed) = self.feed.take() else { return };
        self.stuck = self.interrupted_at.replace(self.from) == Some(self.from);
        self.interrupted.get_or_insert(self.arrived);
        self.replaced = Some(feed.name().to_owned());
        self.health.set(Some(reason.to_owned()));
        meters::watch_restarted(&self.backend.bucket.name);
    }
}

#[async_trait]
impl Watch for JetStreamWatch {
    async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        loop {
            let Some(feed) = &mut self.feed else {
                if let Some(event) = self.resume().await? {
                    return Ok(event);
                }
                continue;
            };
            if feed.caught_up && !self.sent_current {
                self.sent_current = true;
                return Ok(WatchEvent::Current);
            }
            match feed.next(&self.backend).await {
                Arrival::Message(sequence, entry) => {
                    let now = Instant::now();
                    if entry.as_ref().is_some_and(|entry| self.is_late(entry.written, now)) {
                        self.interrupt("it was not read for too long");
                        self.starts_over = true;
                        continue;
                    }
                    self.arrived = now;
                    if let Some(event) = self.passed(sequence, entry) {
                        return Ok(event);
                    }
                }
                Arrival::CaughtUp => self.arrived = Instant::now(),
                Arrival::Lost(reason) => self.interrupt(reason),
            }
        }
    }

    fn health(&self) -> Arc<dyn HealthCheck> {
        Arc::<WatchHealth>::clone(&self.health) as Arc<dyn HealthCheck>
    }
}
