//! Signals and exit codes.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::running::Running;
use super::scenarios::STEPS;

/// Far below the limit of the stop, which is a minute in these tests: whoever waited for it is found out. The machine may be busy.
const AT_ONCE: Duration = Duration::from_secs(10);

/// After which the signal thread ends a process that has not ended by itself. With the flush of the log it makes the promise of 300 ms.
const BY_ITSELF: Duration = Duration::from_millis(250);

/// Below every other limit of a stop: 500 ms for blocking work, 1.5 s after `stop_within`.
const BY_THE_SIGNAL_THREAD: Duration = Duration::from_millis(450);

/// Repeats a measurement that a busy machine may have delayed, until one is within the limit: a wait that the code has is in each of them.
fn one_is_within(limit: Duration, what: &str, mut measure: impl FnMut() -> Duration) {
    let mut all = Vec::new();
    while all.last().is_none_or(|last| *last >= limit) {
        assert!(all.len() < 10, "{what}: {all:?}");
        let took = measure();
        assert!(took < AT_ONCE, "{what}: {took:?}");
        all.push(took);
    }
    println!("{what}: ended after {all:?}");
}

fn messages(log: &[serde_json::Value]) -> Vec<&str> {
    log.iter().filter_map(|record| record["msg"].as_str()).collect()
}

#[test]
fn a_second_signal_in_any_step_ends_the_process_at_once_with_a_whole_log() {
    for (index, step) in STEPS.iter().enumerate() {
        let (second, code) = if index % 2 == 0 { (Signal::TERM, 143) } else { (Signal::INT, 130) };
        one_is_within(BY_ITSELF, step, || second_signal(step, second, code));
    }
}

/// How long a process runs on that gets a second signal in a step of its stop.
fn second_signal(step: &str, second: Signal, code: i32) -> Duration {
    let settings = "service.stop_within = \"60s\"\nservice.drain_grace = \"0s\"\n";
    let mut running = Running::start(step, &in_service(step, settings));
    running.wait_for("service ready");
    running.signal(Signal::TERM);
    running.wait_for("service stopping");
    // Two steps have no code of the child in them.
    if !["grace", "spawner"].contains(&step) {
        running.wait_for("hanging");
    }
    let asked = Instant::now();
    running.signal(second);
    let exit = running.wait();
    let took = asked.elapsed();
    assert_eq!(exit.code, Some(code), "{step}");
    let log = messages(&exit.log);
    assert_eq!(log.last(), Some(&"service ends at once"), "{step}: {log:?}");
    assert!(!log.contains(&"service stopped"), "{step}: {log:?}");
    took
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
fn a_main_thread_that_is_blocked_ends_at_the_second_signal() {
    one_is_within(BY_THE_SIGNAL_THREAD, "blocked during the stop", || {
        let mut running = Running::start("stuck", "service.stop_within = \"60s\"\n");
        running.wait_for("service ready");
        running.signal(Signal::TERM);
        running.wait_for("hanging");
        let asked = Instant::now();
        running.signal(Signal::TERM);
        let exit = running.wait();
        assert_eq!(exit.code, Some(143));
        asked.elapsed()
    });
    // It was blocked before the signals came, so it does not even begin the stop.
    one_is_within(BY_THE_SIGNAL_THREAD, "blocked before the stop", || {
        let mut running = Running::start("blocked", "service.stop_within = \"60s\"\n");
        running.wait_for("hanging");
        let asked = Instant::now();
        running.signal(Signal::TERM);
        running.signal(Signal::INT);
        let exit = running.wait();
        let took = asked.elapsed();
        assert!(matches!(exit.code, Some(130 | 143)), "{:?}", exit.code);
        let log = messages(&exit.log);
        assert!(!log.contains(&"service stopping"), "{log:?}");
        took
    });
}

#[test]
fn a_main_thread_that_is_blocked_ends_by_the_limit() {
    for (scenario, begins) in [("stuck", true), ("blocked", false)] {
        let mut running = Running::start(scenario, "service.stop_within = \"500ms\"\n");
        running.wait_for(if begins { "service ready" } else { "hanging" });
        let asked = Instant::now();
        running.signal(Signal::TERM);
        let exit = running.wait();
        assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
        assert_eq!(exit.code, Some(1));
        let log = messages(&exit.log);
        assert_eq!(log.contains(&"service stopping"), begins, "{log:?}");
        assert_eq!(log.last(), Some(&"service did not stop within stop_within"));
    }
}

#[test]
fn wrong_settings_exit_with_2_before_anything_is_opened() {
    let exit = Running::start("idle", "count = 100\n").wait();
    assert_eq!((exit.code, exit.log.len()), (Some(2), 0));
}
