//! Signals and exit codes.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::running::Running;
use super::scenarios::STEPS;

/// Far below the limit of the stop, which is a minute in these tests: whoever waited for it is found out. The machine may be busy.
const AT_ONCE: Duration = Duration::from_secs(10);

fn messages(log: &[serde_json::Value]) -> Vec<&str> {
    log.iter().filter_map(|record| record["msg"].as_str()).collect()
}

#[test]
fn a_second_signal_in_any_step_ends_the_process_at_once_with_a_whole_log() {
    for (index, step) in STEPS.iter().enumerate() {
        let settings = "service.stop_within = \"60s\"\nservice.drain_grace = \"0s\"\n";
        let mut running = Running::start(step, &in_service(step, settings));
        running.wait_for("service ready");
        running.signal(Signal::TERM);
        running.wait_for("service stopping");
        // Two steps have no code of the child in them.
        if !["grace", "spawner"].contains(step) {
            running.wait_for("hanging");
        }
        let second = if index % 2 == 0 { Signal::TERM } else { Signal::INT };
        let asked = Instant::now();
        running.signal(second);
        let exit = running.wait();
        assert!(asked.elapsed() < AT_ONCE, "{step}: {:?}", asked.elapsed());
        assert_eq!(exit.code, Some(if index % 2 == 0 { 143 } else { 130 }), "{step}");
        let log = messages(&exit.log);
        assert_eq!(log.last(), Some(&"service ends at once"), "{step}: {log:?}");
        assert!(!log.contains(&"service stopped"), "{step}: {log:?}");
    }
}

/// The settings of one step: only `grace` has one.
fn in_service(step: &str, settings: &str) -> String {
    let grace = if step == "grace" { "30s" } else { "0s" };
    settings.replace("service.drain_grace = \"0s\"", &format!("service.drain_grace = \"{grace}\""))
}

#[test]
fn one_signal_of_either_kind_stops_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut running = Running::start("idle", "");
        running.wait_for("service ready");
        running.signal(signal);
        let exit = running.wait();
        assert_eq!(exit.code, Some(0));
        assert_eq!(messages(&exit.log).last(), Some(&"service stopped"));
    }
}

#[test]
fn blocking_work_that_never_ends_does_not_keep_the_process() {
    let mut running = Running::start("blocking", "");
    running.wait_for("service ready");
    running.signal(Signal::TERM);
    let exit = running.wait();
    assert_eq!(exit.code, Some(0));
    assert_eq!(messages(&exit.log).last(), Some(&"service stopped"));
}

#[test]
fn a_main_thread_that_is_blocked_ends_at_the_second_signal_and_by_the_limit() {
    for second in [true, false] {
        let limit = if second { "60s" } else { "500ms" };
        let mut running = Running::start("stuck", &format!("service.stop_within = \"{limit}\"\n"));
        running.wait_for("service ready");
        running.signal(Signal::TERM);
        running.wait_for("hanging");
        let asked = Instant::now();
        if second {
            running.signal(Signal::TERM);
        }
        let exit = running.wait();
        assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
        if second {
            assert_eq!(exit.code, Some(143));
        } else {
            assert_eq!(exit.code, Some(1));
            assert_eq!(messages(&exit.log).last(), Some(&"service did not stop within stop_within"));
        }
    }
}

/// It was blocked before the signal came, so it does not even begin the stop.
#[test]
fn a_main_thread_that_is_blocked_before_the_signal_ends_by_the_limit() {
    for (limit, second) in [("500ms", false), ("60s", true)] {
        let mut running = Running::start("blocked", &format!("service.stop_within = \"{limit}\"\n"));
        running.wait_for("hanging");
        let asked = Instant::now();
        running.signal(Signal::TERM);
        if second {
            running.signal(Signal::INT);
        }
        let exit = running.wait();
        assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
        let log = messages(&exit.log);
        assert!(!log.contains(&"service stopping"), "{log:?}");
        if second {
            assert!(matches!(exit.code, Some(130 | 143)), "{:?}", exit.code);
        } else {
            assert_eq!(exit.code, Some(1));
            assert_eq!(log.last(), Some(&"service did not stop within stop_within"));
        }
    }
}

#[test]
fn wrong_settings_exit_with_2_before_anything_is_opened() {
    let exit = Running::start("idle", "count = 100\n").wait();
    assert_eq!((exit.code, exit.log.len()), (Some(2), 0));
}
