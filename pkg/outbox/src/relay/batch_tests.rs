//! The rules of a batch under arbitrary outcomes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use underpin_events::Event;

use super::batch::{Batch, KeyState, QuarantinePolicy};
use super::outcome::{BatchOutcome, Disposition, Outage, PublishOutcome, Row};

fn row(key: u8, id: i64, held: bool, decodable: bool) -> Row {
    let event = Event::builder("a.b", "/t").id(id.to_string()).subject(format!("k{key}")).build().unwrap();
    let envelope =
        if decodable { String::from_utf8(event.to_json().to_vec()).unwrap() } else { "?".to_owned() };
    Row { partition: 0, id, key: format!("k{key}"), envelope, age_ms: 1, attempts: u32::from(held), held }
}

fn at_fault(counts: bool) -> PublishOutcome {
    PublishOutcome::AtFault { reason: "f".to_owned(), counts }
}

fn outcome() -> impl Strategy<Value = PublishOutcome> {
    prop_oneof![
        6 => Just(PublishOutcome::Confirmed),
        1 => Just(PublishOutcome::Rejected("n".to_owned())),
        2 => prop::bool::ANY.prop_map(at_fault),
        1 => Just(PublishOutcome::Outage("o".to_owned())),
    ]
}

/// Runs a batch to its end; returns the outcome and, in the order of publishing, what was sent and what was not. `None` is a
/// row that is still in flight.
fn run(
    mut batch: Batch,
    mut outcomes: impl Iterator<Item = Option<PublishOutcome>>,
) -> (BatchOutcome, Vec<(i64, bool)>) {
    let mut published = Vec::new();
    while !batch.is_outage() {
        let window: Vec<Event> = batch.next_window();
        if window.is_empty() {
            break;
        }
        let keys: BTreeSet<&str> = window.iter().map(Event::ordering_key).collect();
        assert_eq!(keys.len(), window.len(), "two events of a key in one window");
        let outcomes: Vec<Option<PublishOutcome>> =
            window.iter().map(|_| outcomes.next().unwrap_or(Some(PublishOutcome::Confirmed))).collect();
        published.extend(
            window
                .iter()
                .zip(&outcomes)
                .map(|(event, v)| (event.id().parse().unwrap(), *v == Some(PublishOutcome::Confirmed))),
        );
        assert_eq!(batch.window().count(), window.len());
        batch.apply(outcomes);
    }
    (batch.complete(), published)
}

proptest! {
    #[test]
    fn every_row_has_one_disposition_and_no_key_is_out_of_order(
        main in prop::collection::vec((0_u8..6, prop::bool::weighted(0.95)), 0..40),
        held in prop::collection::vec(0_u8..3, 0..10),
        outcomes in prop::collection::vec(prop::option::weighted(0.9, outcome()), 0..80),
        hold_after_quarantine: bool,
    ) {
        // Held rows are older than those of the table, and block their keys.
        let held: Vec<Row> = held.iter().zip(1..).map(|(key, id)| row(*key, id, true, true)).collect();
        let blocked: BTreeSet<String> = held.iter().map(|row| row.key.clone()).collect();
        let main: Vec<Row> = main.iter().zip(100..).map(|((key, good), id)| row(*key, id, false, *good)).collect();
        let keys: BTreeMap<i64, String> = held.iter().chain(&main).map(|row| (row.id, row.key.clone())).collect();
        let policy = QuarantinePolicy { max_attempts: 3, hold_after_quarantine };
        let batch = Batch::new(held.clone(), main.clone(), |key| if blocked.contains(key) { KeyState::Blocked } else { KeyState::Free }, policy);
        let is_in_flight = outcomes.iter().any(Option::is_none);
        let (outcome, published) = run(batch, outcomes.into_iter());

        // Each row of the table is sent, held, or left where it is; none twice.
        let sent: BTreeSet<i64> = outcome.sent.iter().map(|(_, id)| *id).collect();
        let moved: BTreeSet<i64> = outcome.hold.iter().map(|failure| failure.id).collect();
        prop_assert_eq!(sent.len() + moved.len() + outcome.untouched, main.len());
        prop_assert!(sent.is_disjoint(&moved));
        prop_assert!(outcome.untouched == 0 || outcome.outage.is_some() || is_in_flight);
        let acknowledged: BTreeSet<i64> = published.iter().filter(|(_, ok)| *ok).map(|(id, _)| *id).collect();
        let forgotten: BTreeSet<i64> = sent.iter().copied().chain(outcome.sent_held.iter().map(|(_, _, id)| *id)).collect();
        prop_assert_eq!(&acknowledged, &forgotten, "forgotten is what was acknowledged, and nothing else");

        // Within a key: what is published comes in order, and nothing passes a row that has not been sent, unless
        // that one is in quarantine and the policy lets it.
        let quarantined: BTreeSet<i64> = outcome.hold.iter().chain(&outcome.again)
            .filter(|failure| failure.disposition == Disposition::Quarantine).map(|failure| failure.id).collect();
        for (place, (id, _)) in published.iter().enumerate() {
            for (other, key) in keys.range(..*id).filter(|(_, key)| **key == keys[id]) {
                let sent_before = published[..place].iter().any(|(before, ok)| before == other && *ok);
                let let_by = quarantined.contains(other) && !hold_after_quarantine;
                prop_assert!(sent_before || let_by, "{id} of {key} passed {other}");
            }
        }
        // A key with a failed or waiting row becomes due again.
        for failure in outcome.hold.iter().chain(&outcome.again) {
            prop_assert!(outcome.promote.contains(&(0, failure.key.clone())));
        }
    }
}

const POLICY: QuarantinePolicy = QuarantinePolicy { max_attempts: 3, hold_after_quarantine: false };

#[test]
fn an_outage_leaves_everything_where_it_is_and_a_failure_of_its_own_does_not() {
    let rows = || vec![row(0, 1, false, true), row(1, 2, false, true)];
    let outage = || PublishOutcome::Outage("o".to_owned());
    let (alone, _) = run(
        Batch::new(Vec::new(), rows(), |_| KeyState::Free, POLICY),
        [outage(), outage()].into_iter().map(Some),
    );
    assert_eq!((alone.untouched, alone.hold.len()), (2, 0));
    assert_eq!(alone.outage, Some(Outage { row: 1, reason: "o".to_owned() }));
    for (counts, attempts) in [(true, 1), (false, 0)] {
        let outcomes = [at_fault(counts), PublishOutcome::Confirmed].into_iter().map(Some);
        let (company, _) = run(Batch::new(Vec::new(), rows(), |_| KeyState::Free, POLICY), outcomes);
        assert_eq!((company.outage, company.sent.len()), (None, 1));
        assert_eq!((company.hold[0].attempts, company.hold[0].disposition), (attempts, Disposition::Retry));
    }
    // A lost connection is not the fault of an event, whatever went through before it was lost.
    let (lost, _) = run(
        Batch::new(Vec::new(), rows(), |_| KeyState::Free, POLICY),
        [outage(), PublishOutcome::Confirmed].into_iter().map(Some),
    );
    assert_eq!((lost.outage.map(|outage| outage.row), lost.untouched, lost.sent.len()), (Some(1), 1, 1));
}

#[test]
fn enough_failures_end_in_quarantine() {
    for (counts, attempts, disposition) in
        [(true, 3, Disposition::Quarantine), (false, 2, Disposition::Retry)]
    {
        let mut poison = row(0, 1, true, true);
        poison.attempts = 2;
        let company = vec![row(1, 2, false, true)];
        let outcomes = [at_fault(counts), PublishOutcome::Confirmed];
        let (outcome, _) = run(
            Batch::new(
                vec![poison],
                company,
                |key| if key == "k0" { KeyState::Blocked } else { KeyState::Free },
                POLICY,
            ),
            outcomes.into_iter().map(Some),
        );
        assert_eq!((outcome.again[0].attempts, outcome.again[0].disposition), (attempts, disposition));
    }
}
