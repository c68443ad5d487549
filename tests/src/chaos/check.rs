use std::collections::{BTreeMap, HashMap, HashSet};

use super::bank::{OPENING_BALANCE, Transfer};
use super::observations::Observations;
use super::violation::Violation;

/// Judges a run: empty when every promise held.
pub(crate) fn check(observations: &Observations) -> Vec<Violation> {
    let mut violations = effects(observations);
    violations.extend(order(observations));
    violations.extend(sums(observations));
    violations.extend(stuck(observations));
    violations.extend(malformed(observations));
    violations.extend(observations.incidents.iter().cloned().map(Violation::Incident));
    violations
}

fn effects(observations: &Observations) -> Vec<Violation> {
    let committed: HashSet<&str> =
        observations.transfers.iter().map(|transfer| transfer.id.as_str()).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    for effect in &observations.applied {
        *times.entry(effect.transfer.as_str()).or_default() += 1;
    }
    let lost = some(committed.iter().filter(|id| !times.contains_key(**id)).copied());
    let repeated = some(times.iter().filter(|(_, times)| **times > 1).map(|(id, _)| *id));
    let invented = some(times.keys().filter(|id| !committed.contains(**id)).copied());
    let noted = observations.acknowledged.iter().map(String::as_str);
    let uncommitted = some(noted.filter(|id| !committed.contains(id)));
    [
        lost.map(|(transfers, example)| Violation::Lost { transfers, example }),
        repeated.map(|(transfers, example)| Violation::Repeated { transfers, example }),
        invented.map(|(effects, example)| Violation::Invented { effects, example }),
        uncommitted.map(|(transfers, example)| Violation::Uncommitted { transfers, example }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How many there are, and the first of them by name.
fn some<'a>(found: impl Iterator<Item = &'a str>) -> Option<(usize, String)> {
    let mut found: Vec<&str> = found.collect();
    found.sort_unstable();
    found.first().map(|first| (found.len(), (*first).to_owned()))
}

fn order(observations: &Observations) -> Vec<Violation> {
    let effects = observations.applied.iter().map(|effect| (effect.source, effect.number));
    let stream = observations.stream.iter().map(|transfer: &Transfer| (transfer.source, transfer.number));
    let disordered = |(account, number, after)| Violation::Disordered { account, number, after };
    let in_stream = |(account, number, after)| Violation::StreamDisordered { account, number, after };
    let effects = out_of_place(effects).into_iter().map(disordered);
    effects.chain(out_of_place(stream).into_iter().map(in_stream)).collect()
}

/// The first number of each account that does not follow its predecessor. One that has been there before is a repeat, which
/// is for others to judge.
fn out_of_place(sequence: impl Iterator<Item = (i32, i64)>) -> Vec<(i32, i64, i64)> {
    let (mut last, mut wrong) = (BTreeMap::<i32, i64>::new(), BTreeMap::new());
    let mut seen = HashSet::new();
    for (account, number) in sequence.filter(|entry| seen.insert(*entry)) {
        let before = last.insert(account, number).unwrap_or(0);
        if number != before + 1 {
            wrong.entry(account).or_insert((account, number, before));
        }
    }
    wrong.into_values().collect()
}

fn sums(observations: &Observations) -> Vec<Violation> {
    let differing = observations.balances.iter().filter(|(_, booked, projected)| booked != projected);
    let mut violations: Vec<Violation> = differing
        .map(|(account, booked, projected)| Violation::Balance {
            account: *account,
            booked: *booked,
            projected: *projected,
        })
        .collect();
    let expected = OPENING_BALANCE.saturating_mul(i64::try_from(observations.balances.len()).unwrap_or(0));
    let booked: i64 = observations.balances.iter().map(|(_, booked, _)| booked).sum();
    let projected: i64 = observations.balances.iter().map(|(_, _, projected)| projected).sum();
    violations.extend(
        [booked, projected]
            .into_iter()
            .filter(|found| *found != expected)
            .map(|found| Violation::Sum { expected, found }),
    );
    violations
}

fn stuck(observations: &Observations) -> Vec<Violation> {
    let (waiting, held) = observations.rows_left;
    let mut left = vec![
        (waiting.unsigned_abs(), "rows in the outbox".to_owned()),
        (held.unsigned_abs(), "held rows in the outbox".to_owned()),
        (observations.quarantined, "rows in quarantine".to_owned()),
        (observations.dead_letters as u64, "dead letters".to_owned()),
    ];
    left.extend(observations.pending.iter().map(|(name, count)| (*count, format!("messages of {name}"))));
    left.into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| Violation::Stuck(format!("{count} {what}")))
        .collect()
}

fn malformed(observations: &Observations) -> Vec<Violation> {
    let (stored, dead) = (&observations.malformed_in_stream, &observations.malformed_dead_letters);
    let vanished = observations.malformed_published.difference(stored).count();
    let forgotten = stored.difference(dead).count();
    [
        (vanished, "malformed messages are confirmed and were not met in the stream"),
        (forgotten, "malformed messages are in the stream and in no dead letter of a consumer"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| Violation::Stuck(format!("{count} {what}")))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::observations::Effect;
    use super::*;

    /// Two accounts, three transfers, everything as it should be.
    fn flawless() -> Observations {
        let transfer = |id: &str, source, number| Transfer {
            id: id.to_owned(),
            source,
            target: 1 - source,
            amount: 10,
            number,
        };
        let transfers = vec![transfer("a", 0, 1), transfer("b", 0, 2), transfer("c", 1, 1)];
        Observations {
            applied: transfers
                .iter()
                .map(|t| Effect { transfer: t.id.clone(), source: t.source, number: t.number })
                .collect(),
            acknowledged: vec!["a".to_owned(), "c".to_owned()],
            balances: vec![
                (0, OPENING_BALANCE - 10, OPENING_BALANCE - 10),
                (1, OPENING_BALANCE + 10, OPENING_BALANCE + 10),
            ],
            stream: transfers.clone(),
            transfers,
            ..Observations::default()
        }
    }

    fn verdict(change: impl FnOnce(&mut Observations)) -> Vec<Violation> {
        let mut observations = flawless();
        change(&mut observations);
        check(&observations)
    }

    #[test]
    fn a_flawless_run_has_no_violation() {
        assert_eq!(verdict(|_| {}), []);
    }

    #[test]
    fn a_lost_effect_is_seen() {
        let lost = verdict(|observations| observations.applied.retain(|effect| effect.transfer != "c"));
        assert_eq!(lost, [Violation::Lost { transfers: 1, example: "c".to_owned() }]);
    }

    #[test]
    fn a_repeated_effect_is_seen_and_is_no_disorder() {
        let repeated = verdict(|observations| observations.applied.push(observations.applied[0].clone()));
        assert_eq!(repeated, [Violation::Repeated { transfers: 1, example: "a".to_owned() }]);
    }

    #[test]
    fn an_effect_of_a_transfer_that_was_rolled_back_is_seen() {
        let invented = verdict(|observations| observations.transfers.retain(|transfer| transfer.id != "b"));
        assert_eq!(invented, [Violation::Invented { effects: 1, example: "b".to_owned() }]);
    }

    #[test]
    fn a_wrong_order_is_seen_in_the_effects_and_in_the_stream() {
        let effects = verdict(|observations| observations.applied.swap(0, 1));
        assert_eq!(effects, [Violation::Disordered { account: 0, number: 2, after: 0 }]);
        let stream = verdict(|observations| observations.stream.swap(0, 1));
        assert_eq!(stream, [Violation::StreamDisordered { account: 0, number: 2, after: 0 }]);
    }

    #[test]
    fn wrong_balances_and_sums_are_seen() {
        let projected = verdict(|observations| observations.balances[0].2 += 1);
        let (booked, wrong) = (OPENING_BALANCE - 10, OPENING_BALANCE - 9);
        let (expected, found) = (2 * OPENING_BALANCE, 2 * OPENING_BALANCE + 1);
        let balance = Violation::Balance { account: 0, booked, projected: wrong };
        assert_eq!(projected, [balance, Violation::Sum { expected, found }]);
    }

    #[test]
    fn a_commit_that_was_acknowledged_and_is_gone_is_seen() {
        let gone = verdict(|observations| observations.acknowledged.push("d".to_owned()));
        assert_eq!(gone, [Violation::Uncommitted { transfers: 1, example: "d".to_owned() }]);
    }

    #[test]
    fn a_malformed_message_without_a_dead_letter_is_seen() {
        let complete = verdict(|observations| {
            observations.malformed_published = [5].into();
            observations.malformed_in_stream = [5, 6].into();
            observations.malformed_dead_letters = [5, 6].into();
        });
        assert_eq!(complete, []);
        let forgotten = verdict(|observations| observations.malformed_in_stream = [5].into());
        assert!(
            matches!(&forgotten[..], [Violation::Stuck(what)] if what.contains("no dead letter")),
            "{forgotten:?}"
        );
        let vanished = verdict(|observations| observations.malformed_published = [5].into());
        assert!(
            matches!(&vanished[..], [Violation::Stuck(what)] if what.contains("not met")),
            "{vanished:?}"
        );
    }

    #[test]
    fn whatever_is_left_is_seen() {
        let left = verdict(|observations| {
            observations.rows_left = (1, 2);
            observations.quarantined = 3;
            observations.dead_letters = 4;
            observations.pending = vec![("p".to_owned(), 5), ("q".to_owned(), 0)];
            observations.incidents = vec!["x".to_owned()];
        });
        assert_eq!(left.len(), 6, "{left:?}");
    }
}
