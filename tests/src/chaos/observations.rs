use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use underpin_database::{Executor, Pool, sql};
use underpin_errors::BoxError;
use underpin_events::jetstream::JetStream;
use underpin_events::{
    DeadLetter, DeadLetterQueue, DrainOutcome, EventSubscriber, Lag, Outcome, SubscribeOptions, handler_fn,
};
use underpin_outbox::{Outbox, OutboxLag};

use super::bank::{Transfer, partitions};
use super::testbed::Testbed;
use super::worker::acknowledged;

/// What is left at the end of a run, for [`check`](super::check::check) to judge.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observations {
    /// Committed transfers.
    pub(crate) transfers: Vec<Transfer>,
    /// Ids of transfers whose commit the producer was told of.
    pub(crate) acknowledged: Vec<String>,
    /// Effects, in the order in which they were committed.
    pub(crate) applied: Vec<Effect>,
    /// Balance of each account, as booked and as projected.
    pub(crate) balances: Vec<(i32, i64, i64)>,
    /// What the stream holds, in its order.
    pub(crate) stream: Vec<Transfer>,
    /// What is left in the tables of the outbox: waiting, held.
    pub(crate) rows_left: (i64, i64),
    pub(crate) quarantined: u64,
    /// Events not yet dealt with, per subscription.
    pub(crate) pending: Vec<(String, u64)>,
    pub(crate) dead_letters: usize,
    /// Sequences of malformed messages that the server confirmed.
    pub(crate) malformed_published: BTreeSet<u64>,
    /// Sequences of malformed messages that are in the stream, as its reader met them.
    pub(crate) malformed_in_stream: BTreeSet<u64>,
    /// Sequences of malformed messages that the subscriptions of the consumers dead-lettered.
    pub(crate) malformed_dead_letters: BTreeSet<u64>,
    /// Whatever else went wrong on the way: processes that ended by themselves or did not end when told to.
    pub(crate) incidents: Vec<String>,
}

/// One effect in the projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) transfer: String,
    pub(crate) source: i32,
    pub(crate) number: i64,
}

impl Observations {
    /// Reads everything from the servers, past all links.
    pub(crate) async fn collect(testbed: &Testbed, incidents: Vec<String>) -> Result<Self, BoxError> {
        let (database, bus) = (testbed.database().await?, testbed.bus().await?);
        let mut observations = Self { incidents, ..Self::default() };
        observations.read_bank(&database).await?;
        let lag = Outbox::default().lag(&database).await?;
        observations.quarantined = lag.quarantined;
        let left =
            "SELECT (SELECT count(*) FROM underpin_outbox), (SELECT count(*) FROM underpin_outbox_held)";
        if let Some(row) = database.query_one(sql(left, [])).await? {
            observations.rows_left = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        }
        for (partition, lag) in lags(&bus).await? {
            observations.pending.push((partition, lag.waiting + lag.in_flight));
        }
        let (malformed, others) = dead_letters(&bus).await?;
        (observations.dead_letters, observations.malformed_dead_letters) = (others, sequences(&malformed));
        observations.malformed_published = testbed.malformed();
        // Over another connection: the malformed messages interrupt it.
        let audit = testbed.bus().await?;
        observations.stream = read_stream(&audit).await?;
        audit.close(Duration::from_secs(5)).await?;
        let (mut malformed, _) = dead_letters(&bus).await?;
        malformed.retain(|letter| letter.subscription == AUDIT);
        observations.malformed_in_stream = sequences(&malformed);
        let noted = std::fs::read_to_string(acknowledged(testbed.folder())).unwrap_or_default();
        observations.acknowledged = noted.lines().map(str::to_owned).collect();
        bus.close(Duration::from_secs(5)).await?;
        database.close(Duration::from_secs(5)).await;
        Ok(observations)
    }

    async fn read_bank(&mut self, database: &Pool) -> Result<(), BoxError> {
        let transfers = "SELECT id, source, target, amount, number FROM transfer ORDER BY source, number";
        for row in database.query_all(sql(transfers, [])).await? {
            self.transfers.push(Transfer {
                id: row.try_get_by_index(0)?,
                source: row.try_get_by_index(1)?,
                target: row.try_get_by_index(2)?,
                amount: row.try_get_by_index(3)?,
                number: row.try_get_by_index(4)?,
            });
        }
        let applied = "SELECT transfer, source, number FROM applied ORDER BY position";
        for row in database.query_all(sql(applied, [])).await? {
            self.applied.push(Effect {
                transfer: row.try_get_by_index(0)?,
                source: row.try_get_by_index(1)?,
                number: row.try_get_by_index(2)?,
            });
        }
        let balances = "SELECT id, a.balance, p.balance FROM account a JOIN projected_account p USING (id)";
        for row in database.query_all(sql(balances, [])).await? {
            let (account, booked) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            self.balances.push((account, booked, row.try_get_by_index(2)?));
        }
        Ok(())
    }
}

/// The subscription that reads the whole stream at the end.
const AUDIT: &str = "audit";

/// The dead letters of messages that the client cannot read, and the number of all others.
async fn dead_letters(bus: &JetStream) -> Result<(Vec<DeadLetter>, usize), BoxError> {
    let all = bus.list(0, 10_000).await?;
    let (malformed, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|letter| letter.reason.starts_with("unreadable: "));
    Ok((malformed, others.len()))
}

fn sequences(letters: &[DeadLetter]) -> BTreeSet<u64> {
    letters.iter().map(|letter| letter.sequence).collect()
}

/// Waits until no event is in the outbox or in flight; the error lists what was left.
pub(crate) async fn wait_until_idle(testbed: &Testbed, within: Duration) -> Result<Duration, BoxError> {
    let (database, bus) = (testbed.database().await?, testbed.bus().await?);
    let (started, mut quiet) = (Instant::now(), 0);
    while quiet < 3 {
        let outbox = Outbox::default().lag(&database).await?;
        let lags = lags(&bus).await?;
        let is_idle = outbox.waiting == 0 && lags.iter().all(|(_, lag)| lag.is_zero());
        quiet = if is_idle { quiet + 1 } else { 0 };
        if started.elapsed() > within {
            return Err(format!("not idle within {within:?}: {}", remaining(&outbox, &lags)).into());
        }
        sleep(Duration::from_millis(100)).await;
    }
    bus.close(Duration::from_secs(5)).await?;
    database.close(Duration::from_secs(5)).await;
    Ok(started.elapsed())
}

fn remaining(outbox: &OutboxLag, lags: &[(String, Lag)]) -> String {
    let lags: Vec<String> =
        lags.iter().map(|(name, lag)| format!("{name} {} + {}", lag.waiting, lag.in_flight)).collect();
    format!("{} in the outbox; waiting and in flight: {}", outbox.waiting, lags.join(", "))
}

/// How far each partition is behind.
async fn lags(bus: &JetStream) -> Result<Vec<(String, Lag)>, BoxError> {
    let mut lags = Vec::new();
    for partition in partitions() {
        let stream = bus.jetstream().get_stream_no_info("EVENTS").await?;
        let info = stream.consumer_info(&partition).await?;
        let in_flight = u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX);
        lags.push((partition, Lag::new(info.num_pending, in_flight, 0)));
    }
    Ok(lags)
}

/// Everything in the stream, in its order.
async fn read_stream(bus: &JetStream) -> Result<Vec<Transfer>, BoxError> {
    let read = Arc::new(Mutex::new((Vec::<(u64, Transfer)>::new(), BTreeSet::<u64>::new())));
    let sink = Arc::clone(&read);
    let handler = handler_fn(move |delivery| {
        let transfer = delivery.event().json::<Transfer>();
        let sink = Arc::clone(&sink);
        async move {
            let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
            match transfer {
                Ok(transfer) if sink.1.insert(delivery.sequence()) => {
                    sink.0.push((delivery.sequence(), transfer));
                    Outcome::ack()
                }
                Ok(_) => Outcome::ack(),
                Err(error) => Outcome::dead_letter(error.to_string()),
            }
        }
    });
    let subscription = bus.subscribe(SubscribeOptions::new(AUDIT).concurrency(64), handler).await?;
    let started = Instant::now();
    // A malformed message ends the connection, and with it the question that is open: it is asked again.
    while !subscription.lag().await.is_ok_and(|lag| lag.is_zero()) {
        if started.elapsed() > Duration::from_secs(300) {
            return Err("the stream could not be read within 300 s".into());
        }
        sleep(Duration::from_millis(50)).await;
    }
    if subscription.drain(Duration::from_secs(5)).await != DrainOutcome::Drained {
        return Err("the audit did not drain".into());
    }
    let mut all = std::mem::take(&mut read.lock().unwrap_or_else(PoisonError::into_inner).0);
    all.sort_by_key(|(sequence, _)| *sequence);
    Ok(all.into_iter().map(|(_, transfer)| transfer).collect())
}
