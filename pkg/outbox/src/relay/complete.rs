use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use underpin_database::sea_orm::Value;
use underpin_database::{DatabaseError, DatabaseExt, Executor, Transaction, TxOptions, sql};
use underpin_events::Backoff;

use super::dialect::statements;
use super::outcome::{BatchOutcome, Disposition, Failure};
use super::store::{Store, get};
use crate::OutboxError;
use crate::text::stored_reason;

/// How the outcome of a batch is written.
pub(super) struct CompleteOptions<'a> {
    pub(super) keep_sent: bool,
    pub(super) hold_after_quarantine: bool,
    pub(super) backoff: &'a Backoff,
}

impl Store {
    /// Writes the outcome of a batch. Rows that were sent are removed whoever owns their partition now; what failed is
    /// written only for partitions that are still ours. Safe to call again with the same outcome.
    pub(super) async fn complete(
        &self,
        outcome: &BatchOutcome,
        how: &CompleteOptions<'_>,
    ) -> Result<(), OutboxError> {
        let sent = [
            self.list(outcome.sent.iter().map(|(partition, _)| partition)),
            self.list(outcome.sent.iter().map(|(_, id)| id)),
        ];
        let remove = if how.keep_sent { self.dialect.keep } else { self.dialect.remove };
        if outcome.is_plain() {
            if outcome.sent.is_empty() {
                return Ok(());
            }
            if statements(remove).count() == 1 {
                return self.execute("remove sent events", remove, sent).await;
            }
        }
        let work = self
            .database
            .transaction(TxOptions::default(), |tx| self.write(tx, outcome, how, remove, sent.clone()));
        self.bounded("complete a batch", work).await
    }

    async fn write(
        &self,
        tx: Transaction,
        outcome: &BatchOutcome,
        how: &CompleteOptions<'_>,
        remove: &str,
        sent: [Value; 2],
    ) -> Result<(), DatabaseError> {
        if !outcome.sent.is_empty() {
            for statement in statements(remove) {
                tx.execute(sql(statement, sent.clone())).await?;
            }
        }
        if outcome.is_plain() {
            return Ok(());
        }
        let failed: Vec<i16> =
            outcome.hold.iter().chain(&outcome.again).map(|failure| failure.partition).collect();
        let touched = outcome.promote.iter().map(|(partition, _)| *partition);
        let partitions: BTreeSet<i16> = failed.into_iter().chain(touched).collect();
        let rows = tx.query_all(sql(self.dialect.lock, [self.list(&partitions)])).await?;
        let mut ours = Vec::with_capacity(rows.len());
        for row in &rows {
            if get::<Option<String>>(row, 1)?.as_deref() == Some(self.owner()) {
                ours.push(get::<i16>(row, 0)?);
            }
        }

        let remove_held = if how.keep_sent { self.dialect.keep_held } else { self.dialect.remove_held };
        let sent_held = records(
            outcome
                .sent_held
                .iter()
                .map(|(partition, key, id)| json!({"lane": partition, "key": key, "id": id})),
        );
        let hold = records(
            outcome.hold.iter().filter(|row| ours.contains(&row.partition)).map(|row| failure(row, how)),
        );
        let again = records(
            outcome.again.iter().filter(|row| ours.contains(&row.partition)).map(|row| failure(row, how)),
        );
        // Whoever owns the partition: the first row of a key must not wait for ever, and one that is due already stays so.
        let promote =
            records(outcome.promote.iter().map(|(partition, key)| json!({"lane": partition, "key": key})));
        for (text, records) in
            [(remove_held, sent_held), (self.dialect.hold, hold), (self.dialect.fail_again, again)]
        {
            let Some(records) = records else { continue };
            for statement in statements(text) {
                tx.execute(sql(statement, [records.clone()])).await?;
            }
        }
        if let Some(records) = promote {
            tx.execute(sql(self.dialect.promote, [records, how.hold_after_quarantine.into()])).await?;
        }
        Ok(())
    }
}

fn failure(failure: &Failure, how: &CompleteOptions<'_>) -> Json {
    let delay =
        (failure.disposition == Disposition::Retry).then(|| how.backoff.delay(failure.attempts).as_millis());
    json!({
        "lane": failure.partition,
        "key": failure.key,
        "id": failure.id,
        "attempts": failure.attempts,
        "reason": failure.reason.as_deref().map(stored_reason),
        "delay_ms": delay.map(|delay| u64::try_from(delay).unwrap_or(u64::MAX)),
        "quarantine": failure.disposition == Disposition::Quarantine,
    })
}

fn records(records: impl Iterator<Item = Json>) -> Option<Value> {
    let records: Vec<Json> = records.collect();
    (!records.is_empty()).then(|| Json::Array(records).to_string().into())
}
