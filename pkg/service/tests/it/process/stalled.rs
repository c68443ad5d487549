//! The admin listener beside a runtime that is blocked.

use rustix::process::Signal;
use underpin_testkit::eventually_blocking;

use super::admin_client::get;
use super::running::{LIMIT, Running};

#[test]
fn while_every_worker_is_blocked_the_probes_answer_and_the_process_can_be_stopped() {
    let settings =
        "service.admin.stall_after = \"2s\"\nservice.stop_within = \"1s\"\nservice.runtime.workers = 2\n";
    let mut running = Running::start("stalled", settings);
    let admin = running.admin();
    running.wait_for("service ready");
    eventually_blocking(LIMIT, "liveness sees the stall", || get(admin, "/health/live").0 == 503);
    let (_, why) = get(admin, "/health/live");
    assert!(why.contains("the main runtime has stalled for"), "{why}");
    assert_eq!(get(admin, "/health/startup").0, 200);
    let (status, why) = get(admin, "/health/ready");
    assert_eq!((status, why.contains("the main runtime does not answer")), (503, true), "{why}");
    assert!(get(admin, "/info").1.contains("\"state\":\"ready\""));
    running.signal(Signal::TERM);
    // In order if nothing needs a worker; otherwise the signal thread ends it.
    let exit = running.wait();
    assert!(matches!(exit.code, Some(0 | 1)), "{:?}: {:#?}", exit.code, exit.log);
}

#[test]
fn a_runtime_that_runs_is_live_and_shows_no_metrics_without_a_renderer() {
    let mut running = Running::start("idle", "");
    let admin = running.admin();
    running.wait_for("service ready");
    for (path, status) in [
        ("/health/live", 200),
        ("/health/startup", 200),
        ("/health/ready", 200),
        ("/metrics", 404),
        ("/x", 404),
    ] {
        assert_eq!(get(admin, path).0, status, "{path}");
    }
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
}
