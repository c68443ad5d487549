use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::{Context, Level, LevelRules, LevelRulesError, level_floor, stream::level_gate::LevelGate};

/// The level rules of a running logger, to look at and to change. Clones change the same rules.
///
/// # Examples
///
/// ```
/// use underpin_logger::{LevelHandle, LevelRules};
///
/// let levels = LevelHandle::new(LevelRules::default());
/// levels.set("info,sqlx=debug")?;
/// assert_eq!(levels.rules().to_string(), "info,sqlx=debug");
/// # Ok::<(), underpin_logger::LevelRulesError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LevelHandle(Arc<LevelState>);

#[derive(Debug)]
struct LevelState {
    /// Held while both of those below change, so that they are always those of one set of rules.
    changes: Mutex<()>,
    rules: ArcSwap<LevelRules>,
    gate: LevelGate,
}

/// What happens to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Write,
    /// Into the flight recorder of its context.
    Record,
    Skip,
}

impl LevelHandle {
    /// A handle to separate rules.
    pub fn new(rules: LevelRules) -> Self {
        let gate = LevelGate::new(&rules);
        Self(Arc::new(LevelState { changes: Mutex::new(()), rules: ArcSwap::from_pointee(rules), gate }))
    }

    /// The rules in force.
    pub fn rules(&self) -> LevelRules {
        LevelRules::clone(&self.0.rules.load())
    }

    /// Puts rules in text form into force, for all threads and for the bridges.
    ///
    /// # Errors
    ///
    /// [`LevelRulesError`] when the text is not a set of rules; the old rules then stay.
    pub fn set(&self, rules: &str) -> Result<(), LevelRulesError> {
        self.replace(rules.parse()?);
        Ok(())
    }

    /// Puts rules into force, for all threads and for the bridges.
    pub fn replace(&self, rules: LevelRules) {
        {
            let _turn = self.0.changes.lock().unwrap_or_else(PoisonError::into_inner);
            self.0.gate.set(&rules);
            self.0.rules.store(Arc::new(rules));
        }
        // Under no lock: the caches are rebuilt by code of others, which may come back here.
        #[cfg(feature = "bridges")]
        crate::bridge::levels_changed();
    }

    /// What happens to a record of this level and target, by the rules and by its context.
    #[inline]
    pub(crate) fn decision(&self, level: Level, target: &str, ctx: &Context) -> Decision {
        // Most records that are of no use are so for every target and every context.
        if !self.may_allow(level) {
            return Decision::Skip;
        }
        let asked = ctx.level().is_some_and(|least| level >= least);
        if asked || self.rules_allow(level, target) {
            Decision::Write
        } else if level >= Level::Debug && ctx.recorder().is_some() {
            Decision::Record
        } else {
            Decision::Skip
        }
    }

    /// Whether a record of this level and target is of any use.
    #[inline]
    pub(crate) fn wants(&self, level: Level, target: &str, ctx: &Context) -> bool {
        self.decision(level, target, ctx) != Decision::Skip
    }

    /// Whether the rules alone let a record of this level and target pass.
    #[inline]
    pub(crate) fn rules_allow(&self, level: Level, target: &str) -> bool {
        self.0.gate.answer(level, target).unwrap_or_else(|| self.ask_rules(level, target))
    }

    #[inline(never)]
    fn ask_rules(&self, level: Level, target: &str) -> bool {
        self.0.rules.load().allow(level, target)
    }

    /// Whether a record of this level can pass for some target or some context.
    #[inline]
    pub(crate) fn may_allow(&self, level: Level) -> bool {
        self.0.gate.may_pass(level) || level_floor::may_raise(level)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    #[test]
    fn two_changes_at_once_leave_the_rules_of_one_of_them_and_not_of_both() {
        let levels = LevelHandle::new(LevelRules::default());
        let (start, end) = (Barrier::new(3), Barrier::new(3));
        thread::scope(|scope| {
            for text in ["trace", "off"] {
                let (levels, start, end) = (&levels, &start, &end);
                let rules: LevelRules = text.parse().unwrap();
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        start.wait();
                        levels.replace(rules.clone());
                        end.wait();
                    }
                });
            }
            let mut mixed = 0;
            for _ in 0..ROUNDS {
                start.wait();
                end.wait();
                // The rules do not change here.
                let rules = levels.rules().allow(Level::Trace, "orders");
                mixed += u32::from(levels.0.gate.may_pass(Level::Trace) != rules);
                mixed += u32::from(levels.rules_allow(Level::Trace, "orders") != rules);
            }
            assert_eq!(mixed, 0);
        });
    }

    const ROUNDS: u32 = 5_000;
}
