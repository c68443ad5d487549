use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::{Level, LevelRules};

/// Answers for most records, from a few atomics, what the level rules would say.
///
/// While rules change, one record may be judged half by the old ones and half by the new; the next is not.
#[derive(Debug)]
pub(crate) struct LevelGate {
    /// The least severe level that any rule lets through.
    floor: AtomicU8,
    /// The level for targets that no rule names.
    default: AtomicU8,
    /// How named targets begin, as a set of [`beginning`]s: most modules begin like none of them.
    beginnings: [AtomicU64; 4],
}

/// Above every level: nothing passes.
const OFF: u8 = u8::MAX;

impl LevelGate {
    pub(crate) fn new(rules: &LevelRules) -> Self {
        let gate =
            Self { floor: AtomicU8::new(OFF), default: AtomicU8::new(OFF), beginnings: Default::default() };
        gate.set(rules);
        gate
    }

    pub(crate) fn set(&self, rules: &LevelRules) {
        let mut beginnings = [0_u64; 4];
        for target in rules.targets() {
            match beginning(target.as_bytes()) {
                Some(bucket) => {
                    if let Some(word) = beginnings.get_mut(usize::from(bucket >> 6)) {
                        *word |= 1 << (bucket & 63);
                    }
                }
                // A name of one letter says too little; every target then goes to the rules.
                None => beginnings = [u64::MAX; 4],
            }
        }
        for (shared, word) in self.beginnings.iter().zip(beginnings) {
            shared.store(word, Ordering::Relaxed);
        }
        let number = |threshold: Option<Level>| threshold.map_or(OFF, |level| level as u8);
        self.default.store(number(rules.default_threshold()), Ordering::Relaxed);
        self.floor.store(number(rules.most_verbose()), Ordering::Relaxed);
    }

    /// Whether records of this level can pass for any target.
    #[inline]
    pub(crate) fn may_pass(&self, level: Level) -> bool {
        level as u8 >= self.floor.load(Ordering::Relaxed)
    }

    /// The rules' answer, or `None` where the rules themselves must be asked.
    #[inline]
    pub(crate) fn answer(&self, level: Level, target: &str) -> Option<bool> {
        if !self.may_pass(level) {
            return Some(false);
        }
        // A target that is too short to have a beginning is no longer than any name either, but may be one.
        let bucket = beginning(target.as_bytes()).unwrap_or_default();
        let word = self
            .beginnings
            .get(usize::from(bucket >> 6))
            .map_or(u64::MAX, |word| word.load(Ordering::Relaxed));
        let named = word & (1 << (bucket & 63)) != 0;
        (!named).then(|| level as u8 >= self.default.load(Ordering::Relaxed))
    }
}

/// The first two bytes of a target in one; hyphens and underscores are the same there.
#[inline]
fn beginning(target: &[u8]) -> Option<u8> {
    let [first, second, ..] = target else { return None };
    let same = |byte: u8| if byte == b'-' { b'_' } else { byte };
    Some(same(*first).wrapping_mul(7) ^ same(*second).wrapping_mul(31))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_the_gate_agrees_with_what_is_read(
            text in "([ab_-]{0,3}(::[ab])?=)?(off|info|debug|warn|no)(,[ab_-]{1,3}=(off|trace|error)){0,3}",
            target in "[ab_-]{0,4}(::[ab])?",
        ) {
            if let Ok(rules) = text.parse::<LevelRules>() {
                for level in Level::ALL {
                    let answer = LevelGate::new(&rules).answer(level, &target);
                    prop_assert!(answer.is_none_or(|answer| answer == rules.allow(level, &target)), "{}", level);
                }
            }
        }
    }

    #[test]
    fn where_the_gate_answers_it_says_what_the_rules_say() {
        let targets = [
            "",
            "orders",
            "sqlx",
            "sqlx::query",
            "sq",
            "async-nats",
            "_x",
            "-x",
            "x",
            "a",
            "x-y::z",
            "é",
            "tokio",
            "h2::a",
        ];
        for text in [
            "info",
            "off",
            "debug,orders=off",
            "error,_x=trace,é=debug",
            "trace,a=off",
            "info,x_y=off",
            "off,sqlx=debug",
        ] {
            let rules: LevelRules = text.parse().unwrap();
            let gate = LevelGate::new(&rules);
            for (target, level) in targets.iter().flat_map(|target| Level::ALL.map(|level| (*target, level)))
            {
                let answer = gate.answer(level, target);
                assert!(
                    answer.is_none_or(|answer| answer == rules.allow(level, target)),
                    "{text}: {level} {target}"
                );
            }
        }
        assert!(
            LevelGate::new(&LevelRules::default()).answer(Level::Info, "orders").is_some(),
            "it is of use"
        );
    }
}
