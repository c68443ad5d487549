//! The rules of a batch under arbitrary verdicts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::batch::{Batch, Fate, Outage, Policy, Row, Settlement, Verdict};
use underpin_events::Event;

fn row(key: u8, id: i64, held: bool, decodable: bool) -> Row {
    let event = Event::builder("a.b", "/t").id(id.to_string()).subject(format!("k{key}")).build().unwrap();
    let envelope =
        if decodable { String::from_utf8(event.to_json().to_vec()).unwrap() } else { "?".to_owned() };
    Row { lane: 0, id, key: format!("k{key}"), envelope, age_ms: 1, attempts: u32::from(held), held }
}

fn at_fault(counts: bool) -> Verdict {
    Verdict::AtFault { reason: "f".to_owned(), counts }
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        6 => Just(Verdict::Sent),
        1 => Just(Verdict::Never("n".to_owned())),
        2 => prop::bool::ANY.prop_map(at_fault),
        1 => Just(Verdict::Outage("o".to_owned())),
    ]
}

/// Runs a batch to its end; returns the settlement and, in the order of publishing, what was sent and what was not.
fn run(mut batch: Batch, mut verdicts: impl Iterator<Item = Verdict>) -> (Settlement, Vec<(i64, bool)>) {
    let mut published = Vec::new();
    while !batch.is_outage() {
        let wave: Vec<Event> = batch.next_wave();
        if wave.is_empty() {
            break;
        }
        let keys: BTreeSet<&str> = wave.iter().map(Event::ordering_key).collect();
        assert_eq!(keys.len(), wave.len(), "two events of a key in one wave");
        let verdicts: Vec<Verdict> = wave.iter().map(|_| verdicts.next().unwrap_or(Verdict::Sent)).collect();
        published.extend(
            wave.iter().zip(&verdicts).map(|(event, v)| (event.id().parse().unwrap(), *v == Verdict::Sent)),
        );
        assert_eq!(batch.wave().len(), wave.len());
        batch.apply(verdicts);
    }
    (batch.settle(), published)
}

proptest! {
    #[test]
    fn every_row_has_one_fate_and_no_key_is_out_of_order(
        main in prop::collection::vec((0_u8..6, prop::bool::weighted(0.95)), 0..40),
        held in prop::collection::vec(0_u8..3, 0..10),
        verdicts in prop::collection::vec(verdict(), 0..80),
        hold_after_quarantine: bool,
    ) {
        // Held rows are older than those of the table, and block their keys.
        let held: Vec<Row> = held.iter().zip(1..).map(|(key, id)| row(*key, id, true, true)).collect();
        let blocked: BTreeSet<String> = held.iter().map(|row| row.key.clone()).collect();
        let main: Vec<Row> = main.iter().zip(100..).map(|((key, good), id)| row(*key, id, false, *good)).collect();
        let keys: BTreeMap<i64, String> = held.iter().chain(&main).map(|row| (row.id, row.key.clone())).collect();
        let policy = Policy { max_attempts: 3, hold_after_quarantine };
        let batch = Batch::new(held.clone(), main.clone(), |key| blocked.contains(key), policy);
        let (settlement, published) = run(batch, verdicts.into_iter());

        // Each row of the table is sent, held, or left where it is; none twice.
        let sent: BTreeSet<i64> = settlement.sent.iter().map(|(_, id)| *id).collect();
        let moved: BTreeSet<i64> = settlement.hold.iter().map(|failure| failure.id).collect();
        prop_assert_eq!(sent.len() + moved.len() + settlement.untouched, main.len());
        prop_assert!(sent.is_disjoint(&moved));
        prop_assert!(settlement.untouched == 0 || settlement.outage.is_some());
        let acknowledged: BTreeSet<i64> = published.iter().filter(|(_, ok)| *ok).map(|(id, _)| *id).collect();
        let forgotten: BTreeSet<i64> = sent.iter().copied().chain(settlement.sent_held.iter().map(|(_, _, id)| *id)).collect();
        prop_assert_eq!(&acknowledged, &forgotten, "forgotten is what was acknowledged, and nothing else");

        // Within a key: what is published comes in order, and nothing passes a row that has not been sent, unless
        // that one is in quarantine and the policy lets it.
        let quarantined: BTreeSet<i64> = settlement.hold.iter().chain(&settlement.again)
            .filter(|failure| failure.fate == Fate::Quarantine).map(|failure| failure.id).collect();
        for (place, (id, _)) in published.iter().enumerate() {
            for (other, key) in keys.range(..*id).filter(|(_, key)| **key == keys[id]) {
                let sent_before = published[..place].iter().any(|(before, ok)| before == other && *ok);
                let let_by = quarantined.contains(other) && !hold_after_quarantine;
                prop_assert!(sent_before || let_by, "{id} of {key} passed {other}");
            }
        }
        // A key with a failed or waiting row gets its next turn.
        for failure in settlement.hold.iter().chain(&settlement.again) {
            prop_assert!(settlement.promote.contains(&(0, failure.key.clone())));
        }
    }
}

const POLICY: Policy = Policy { max_attempts: 3, hold_after_quarantine: false };

#[test]
fn an_outage_leaves_everything_where_it_is_and_a_failure_of_its_own_does_not() {
    let rows = || vec![row(0, 1, false, true), row(1, 2, false, true)];
    let outage = || Verdict::Outage("o".to_owned());
    let (alone, _) = run(Batch::new(Vec::new(), rows(), |_| false, POLICY), [outage(), outage()].into_iter());
    assert_eq!((alone.untouched, alone.hold.len()), (2, 0));
    assert_eq!(alone.outage, Some(Outage { row: 1, reason: "o".to_owned() }));
    for (counts, attempts) in [(true, 1), (false, 0)] {
        let verdicts = [at_fault(counts), Verdict::Sent].into_iter();
        let (company, _) = run(Batch::new(Vec::new(), rows(), |_| false, POLICY), verdicts);
        assert_eq!((company.outage, company.sent.len()), (None, 1));
        assert_eq!((company.hold[0].attempts, company.hold[0].fate), (attempts, Fate::Retry));
    }
    // A lost connection is nobody's fault, whatever went through before it was lost.
    let (lost, _) =
        run(Batch::new(Vec::new(), rows(), |_| false, POLICY), [outage(), Verdict::Sent].into_iter());
    assert_eq!((lost.outage.map(|outage| outage.row), lost.untouched, lost.sent.len()), (Some(1), 1, 1));
}

#[test]
fn enough_failures_end_in_quarantine() {
    for (counts, attempts, fate) in [(true, 3, Fate::Quarantine), (false, 2, Fate::Retry)] {
        let mut poison = row(0, 1, true, true);
        poison.attempts = 2;
        let company = vec![row(1, 2, false, true)];
        let verdicts = [at_fault(counts), Verdict::Sent];
        let (settlement, _) =
            run(Batch::new(vec![poison], company, |key| key == "k0", POLICY), verdicts.into_iter());
        assert_eq!((settlement.again[0].attempts, settlement.again[0].fate), (attempts, fate));
    }
}
