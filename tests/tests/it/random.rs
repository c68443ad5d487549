//! The outbox and the inbox under chaos: a short seeded run, and proof that its check can fail.

use std::path::Path;
use std::time::Duration;

use underpin_tests::chaos::{Chaos, Mistake, Violation, make};

const PROGRAM: &str = env!("CARGO_BIN_EXE_chaos");

/// The seed of every ordinary test run; `CHAOS_SEED` sets another one.
fn seed() -> u64 {
    std::env::var("CHAOS_SEED").map_or(7, |seed| seed.parse().expect("CHAOS_SEED must be a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_each_committed_transfer_has_its_effect_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let chaos = Chaos::new(seed(), Duration::from_secs(60), PROGRAM, folder.path())
        .gap(Duration::from_millis(800))
        .rate(40);
    let report = chaos.run().await.unwrap();
    let text = report.to_markdown();
    if !report.is_clean() {
        panic!("logs in {}\n{text}", folder.keep().display());
    }
    // Otherwise nothing was proved.
    assert!(report.fault_count() >= 48, "{text}");
    assert!(report.malformed > 0, "{text}");
    assert!(report.transfers_committed >= 50, "{text}");
    assert!(report.recovery.measured > 0, "{text}");
}

/// What the check says when a consumer and the producer die at the worst spot.
async fn verdict(mistake: Mistake) -> Vec<Violation> {
    let folder = tempfile::tempdir().unwrap();
    make(mistake, Path::new(PROGRAM), folder.path()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_inbox_and_outbox_used_as_they_should_the_worst_spots_do_no_harm() {
    assert_eq!(verdict(Mistake::None).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_inbox_off_duplicates_are_seen() {
    let violations = verdict(Mistake::NoInbox).await;
    // More than one where the acknowledgement of an earlier effect was still on its way out of the process.
    let seen = matches!(violations.first(), Some(Violation::Repeated { transfers: 1.., .. }));
    assert!(seen, "{violations:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_enqueue_outside_the_transaction_losses_are_seen() {
    let violations = verdict(Mistake::EnqueueOutside).await;
    let seen = matches!(violations.first(), Some(Violation::Lost { transfers: 1, .. }));
    assert!(seen, "{violations:?}");
}
