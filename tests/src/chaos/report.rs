use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::journal::Journal;

/// What a run came to. Written as JSON and as Markdown.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What the schedule of faults was made from.
    pub seed: u64,
    /// How long faults were done, in seconds.
    pub duration_s: f64,
    /// How long it then took until no event was in the outbox or in flight, in milliseconds.
    pub settled_ms: u128,
    /// Cores of the machine.
    pub cores: usize,
    /// Version of PostgreSQL.
    pub postgres: String,
    /// Version of nats-server.
    pub nats: String,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// Transfers that are in the database.
    pub transfers_committed: usize,
    /// Transfers of which the producer was told that they are.
    pub transfers_acknowledged: usize,
    /// Events in the stream.
    pub events_in_stream: usize,
    /// Events that are in the stream more than once.
    pub events_repeated_in_stream: usize,
    /// Effects in the projection.
    pub effects: usize,
    /// Messages with a malformed header in the stream, each of them a dead letter if no violation says otherwise.
    pub malformed: usize,
    /// What the workers wrote down.
    pub journal: Journal,
    /// How long recovery took.
    pub recovery: RecoveryReport,
    /// The promises that were broken; empty is what we want.
    pub violations: Vec<String>,
}

/// From the end of a fault until every account had an effect of a transfer that was booked after that end.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RecoveryReport {
    /// Faults after which this could be told; those of the last seconds are missing.
    pub measured: usize,
    /// The middle one, in milliseconds.
    pub median_ms: u128,
    /// 95 of 100 took no longer, in milliseconds.
    pub p95_ms: u128,
    /// The longest, in milliseconds.
    pub worst_ms: u128,
    /// The fault that it followed.
    pub worst_after: String,
}

impl Report {
    /// Whether every promise held.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// How many faults there were.
    pub fn fault_count(&self) -> u64 {
        self.faults.values().sum()
    }

    /// The report for people.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _written = self.write_markdown(&mut text);
        text
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        let verdict = if self.is_clean() { "every promise held" } else { "VIOLATED" };
        writeln!(out, "# Chaos run, seed {}: {verdict}\n", self.seed)?;
        let (faults, minutes) = (self.fault_count(), self.duration_s / 60.0);
        writeln!(
            out,
            "{faults} faults in {minutes:.1} minutes, on {} cores, with PostgreSQL {} and nats-server {}.\n",
            self.cores, self.postgres, self.nats
        )?;
        writeln!(out, "| | |\n|---|---|")?;
        let journal = &self.journal;
        let rows: [(&str, String); 15] = [
            ("transfers committed", self.transfers_committed.to_string()),
            ("of these acknowledged to the producer", self.transfers_acknowledged.to_string()),
            ("effects in the projection", self.effects.to_string()),
            ("events in the stream", self.events_in_stream.to_string()),
            ("of these more than once", self.events_repeated_in_stream.to_string()),
            ("malformed messages in the stream", self.malformed.to_string()),
            ("published again, dropped by the broker", journal.dropped_by_broker.to_string()),
            ("publishes without confirmation", journal.unconfirmed.to_string()),
            ("deliveries that had an effect", journal.applied.to_string()),
            ("duplicates suppressed by the inbox", journal.suppressed.to_string()),
            ("handler attempts that failed", journal.failed_attempts.to_string()),
            ("processes started", journal.started.to_string()),
            (
                "recovery, median / p95 / worst",
                format!(
                    "{} / {} / {} ms",
                    self.recovery.median_ms, self.recovery.p95_ms, self.recovery.worst_ms
                ),
            ),
            ("the worst followed", self.recovery.worst_after.clone()),
            ("from the last fault healed until no event was in flight", format!("{} ms", self.settled_ms)),
        ];
        for (what, value) in rows {
            writeln!(out, "| {what} | {value} |")?;
        }
        writeln!(out, "\n| fault | times |\n|---|---|")?;
        for (kind, times) in &self.faults {
            writeln!(out, "| {kind} | {times} |")?;
        }
        writeln!(out, "\n## Violations\n")?;
        if self.is_clean() {
            writeln!(out, "None.")?;
        }
        for violation in &self.violations {
            writeln!(out, "- {violation}")?;
        }
        Ok(())
    }
}
