use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use underpin_database::sea_orm::Value;
use underpin_database::{Database, DatabaseError, DatabaseExt, Executor, Transaction, TxOptions, sql};

use super::batch::{Failure, Fate, Settlement};
use super::store::{Store, get};
use crate::OutboxError;
use underpin_events::Backoff;

/// How a settlement is written.
pub(super) struct Settling<'a> {
    pub(super) keep_sent: bool,
    pub(super) hold_after_quarantine: bool,
    pub(super) backoff: &'a Backoff,
}

impl Store {
    /// Writes down what became of a batch. Rows that were sent are removed whoever owns their lane now; what failed is
    /// written only for lanes that are still ours. Safe to call again with the same settlement.
    pub(super) async fn settle(
        &self,
        settlement: &Settlement,
        how: &Settling<'_>,
    ) -> Result<(), OutboxError> {
        let sent = [
            self.list(settlement.sent.iter().map(|(lane, _)| lane)),
            self.list(settlement.sent.iter().map(|(_, id)| id)),
        ];
        let remove = if how.keep_sent { self.dialect.keep } else { self.dialect.remove };
        if settlement.is_plain() {
            return match (settlement.sent.is_empty(), remove) {
                (true, _) => Ok(()),
                (false, [one]) => self.execute("remove sent events", one, sent).await,
                (false, all) => {
                    let work = async { in_one(&*self.database, all, &sent).await };
                    self.bounded("remove sent events", work).await
                }
            };
        }
        let work = self
            .database
            .transaction(TxOptions::default(), |tx| self.write(tx, settlement, how, remove, sent.clone()));
        self.bounded("settle a batch", work).await
    }

    async fn write(
        &self,
        tx: Transaction,
        settlement: &Settlement,
        how: &Settling<'_>,
        remove: &[&str],
        sent: [Value; 2],
    ) -> Result<(), DatabaseError> {
        if !settlement.sent.is_empty() {
            for text in remove {
                tx.execute(sql(*text, sent.clone())).await?;
            }
        }
        let failed: Vec<i16> =
            settlement.hold.iter().chain(&settlement.again).map(|failure| failure.lane).collect();
        let touched = settlement.promote.iter().map(|(lane, _)| *lane);
        let lanes: BTreeSet<i16> = failed.into_iter().chain(touched).collect();
        let rows = tx.query_all(sql(self.dialect.lock, [self.list(&lanes)])).await?;
        let mut ours = Vec::with_capacity(rows.len());
        for row in &rows {
            if get::<Option<String>>(row, 1)?.as_deref() == Some(self.relay()) {
                ours.push(get::<i16>(row, 0)?);
            }
        }

        let remove_held = if how.keep_sent { self.dialect.keep_held } else { self.dialect.remove_held };
        let sent_held = records(
            settlement.sent_held.iter().map(|(lane, key, id)| json!({"lane": lane, "key": key, "id": id})),
        );
        let hold = records(
            settlement.hold.iter().filter(|row| ours.contains(&row.lane)).map(|row| failure(row, how)),
        );
        let again = records(
            settlement.again.iter().filter(|row| ours.contains(&row.lane)).map(|row| failure(row, how)),
        );
        // Whoever owns the lane: the first row of a key must not wait for ever, and one that is due already stays so.
        let promote = records(settlement.promote.iter().map(|(lane, key)| json!({"lane": lane, "key": key})));
        for (texts, records) in
            [(remove_held, sent_held), (self.dialect.hold, hold), (&[self.dialect.fail_again], again)]
        {
            let Some(records) = records else { continue };
            for text in texts {
                tx.execute(sql(*text, [records.clone()])).await?;
            }
        }
        if let Some(records) = promote {
            tx.execute(sql(self.dialect.promote, [records, how.hold_after_quarantine.into()])).await?;
        }
        Ok(())
    }
}

async fn in_one(database: &dyn Database, texts: &[&str], binds: &[Value]) -> Result<(), DatabaseError> {
    database
        .transaction(TxOptions::default(), |tx| async move {
            for text in texts {
                tx.execute(sql(*text, binds.iter().cloned())).await?;
            }
            Ok(())
        })
        .await
}

fn failure(failure: &Failure, how: &Settling<'_>) -> Json {
    let delay = (failure.fate == Fate::Retry).then(|| how.backoff.delay(failure.attempts).as_millis());
    json!({
        "lane": failure.lane,
        "key": failure.key,
        "id": failure.id,
        "attempts": failure.attempts,
        "reason": failure.reason.as_deref().map(readable),
        "delay_ms": delay.map(|delay| u64::try_from(delay).unwrap_or(u64::MAX)),
        "quarantine": failure.fate == Fate::Quarantine,
    })
}

/// A reason as it is kept: short, and without characters that a text column refuses.
fn readable(reason: &str) -> String {
    reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1000).collect()
}

fn records(records: impl Iterator<Item = Json>) -> Option<Value> {
    let records: Vec<Json> = records.collect();
    (!records.is_empty()).then(|| Json::Array(records).to_string().into())
}
