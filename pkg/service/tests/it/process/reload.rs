//! Settings that are read again.

use rustix::process::Signal;
use underpin_testkit::eventually_blocking;

use super::admin_client::get;
use super::running::{LIMIT, Running, settings_file, write_settings};

#[test]
fn a_changed_file_reaches_the_log_level_and_the_subscribers_and_a_bad_one_changes_nothing() {
    let mut running = Running::start("reload", "count = 1\n");
    let admin = running.admin();
    running.wait_for("service ready");
    let file = settings_file(running.folder.path());

    running.signal(Signal::HUP);
    running.wait_for("settings are unchanged");

    write_settings(&file, "count = 2\nlevel = \"debug\"\n");
    assert_eq!(running.wait_for("counted")["count"], 2);
    let reloaded = running.wait_for("settings reloaded");
    assert_eq!((&reloaded["keys"], &reloaded["needs_restart"]), (&"count level".into(), &"level".into()));
    eventually_blocking(LIMIT, "the level follows", || get(admin, "/log/level").1 == "debug");

    write_settings(&file, "count = 100\nlevel = \"trace\"\n");
    let refused = running.wait_for("settings not reloaded, the old ones stay");
    assert!(refused["error"].to_string().contains("`count` must be below 100"), "{refused}");
    assert_eq!(get(admin, "/log/level").1, "debug");

    write_settings(&file, "count = 66\nlevel = \"debug\"\n");
    running.wait_for("subscriber of the settings panicked");
    running.wait_for("settings reloaded");
    write_settings(&file, "count = 3\nlevel = \"debug\"\n");
    assert_eq!(running.wait_for("counted")["count"], 3);

    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
}
