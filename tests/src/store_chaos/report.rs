use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

/// What a run came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StoreReport {
    /// What the faults were made from.
    pub seed: u64,
    /// How long it took, in seconds.
    pub duration_s: f64,
    /// Faults of the driver, and what holders did to themselves.
    pub faults: BTreeMap<String, u64>,
    /// How often a lock was taken.
    pub rounds: u64,
    /// Writes to the resource behind the locks that the fence let pass.
    pub writes: u64,
    /// Writes of holders after their lease that the fence refused.
    pub fenced: u64,
    /// Acknowledged conditional writes.
    pub acknowledged: u64,
    /// Conditional writes whose answer was lost.
    pub unknown: u64,
    /// Saves of sessions.
    pub session_steps: u64,
    /// What the limiter let pass.
    pub taken: u64,
    /// Watchers that reported the final state.
    pub watchers: usize,
    /// Promises that were broken.
    pub violations: Vec<String>,
}

impl StoreReport {
    /// The report as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _written = self.write_markdown(&mut text);
        text
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        let verdict = if self.violations.is_empty() { "every promise held" } else { "VIOLATED" };
        writeln!(out, "# Chaos of a store, seed {}: {verdict}\n", self.seed)?;
        writeln!(out, "| | |\n|---|---|\n| seconds | {:.0} |", self.duration_s)?;
        for (what, count) in [
            ("locks taken", self.rounds),
            ("writes to the resource", self.writes),
            ("late writes that the fence refused", self.fenced),
            ("conditional writes acknowledged", self.acknowledged),
            ("conditional writes without an answer", self.unknown),
            ("sessions saved", self.session_steps),
            ("taken from the limiter", self.taken),
        ] {
            writeln!(out, "| {what} | {count} |")?;
        }
        writeln!(out, "\n| fault | times |\n|---|---|")?;
        for (fault, times) in &self.faults {
            writeln!(out, "| {fault} | {times} |")?;
        }
        for violation in &self.violations {
            writeln!(out, "\n- {violation}")?;
        }
        Ok(())
    }
}
