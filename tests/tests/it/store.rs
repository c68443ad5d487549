//! A store in processes that are frozen, killed, cut off and whose clocks jump.

use std::time::Duration;

use underpin_tests::store_chaos::{StoreChaos, StoreReport};

fn chaos(folder: &tempfile::TempDir, seed: u64) -> StoreChaos {
    StoreChaos::new(env!("CARGO_BIN_EXE_chaos-store"), folder.path(), seed)
}

fn times(report: &StoreReport, fault: &str) -> u64 {
    report.faults.iter().filter(|(kind, _)| kind.contains(fault)).map(|(_, times)| times).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_holders_never_overlap_in_a_thousand_rounds() {
    let folder = tempfile::tempdir().unwrap();
    let report = chaos(&folder, 18).rounds(1000, Duration::from_secs(600)).await.unwrap();
    assert!(report.violations.is_empty(), "{report:#?}");
    // Otherwise nothing was proved. The run goes on until these have happened, however fast the machine is.
    for fate in ["Frozen", "Killed", "ClockForward", "ClockBack"] {
        assert!(times(&report, &format!("holder: {fate}")) > 0, "{report:#?}");
    }
    assert!(report.rounds >= 1000 && report.fenced >= 10, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_of_faults_breaks_no_promise() {
    let folder = tempfile::tempdir().unwrap();
    let report = chaos(&folder, 7).run(Duration::from_secs(60), Duration::from_millis(1200)).await.unwrap();
    assert!(report.violations.is_empty(), "{report:#?}");
    for fault in ["kill NATS", "kill client", "freeze NATS", "freeze holder", "link"] {
        assert!(times(&report, fault) > 0, "{fault}: {report:#?}");
    }
    assert!(report.acknowledged > 100 && report.session_steps > 0 && report.taken > 0, "{report:#?}");
    assert_eq!(report.watchers, 2, "{report:#?}");
}
