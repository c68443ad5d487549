//! The service on a terminal.

use std::fs::{File, OpenOptions};
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use super::BINARY;
use super::support::{Exchange, Log, Service, command};

/// A terminal: our end, and the end for the service.
fn terminal() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let path = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    (ours.into(), OpenOptions::new().read(true).write(true).open(path).unwrap())
}

#[test]
fn on_a_terminal_it_says_where_it_listens_and_what_to_try() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = terminal();
    let child = command(BINARY, folder.path(), &[("NO_COLOR", "1")])
        .stdin(Stdio::null())
        .stdout(Stdio::from(theirs.try_clone().unwrap()))
        .stderr(Stdio::from(theirs))
        .spawn()
        .unwrap();
    let log = Log::of(ours);
    let says = |text: &'static str| move |line: &Value| line.as_str().is_some_and(|line| line.contains(text));
    let line = log.wait_for("where it listens", says("listens on http://"));
    let address = line.as_str().unwrap().split(['/', ' ']).find(|part| part.starts_with("127.0.0.1:"));
    let address = address.unwrap().trim_end_matches('.').to_owned();
    log.wait_for("the end of the greeting", says("Ctrl-C"));
    log.wait_for("a line of the log", says("listening"));

    let service = Service { child, address, admin: String::new(), log: log.clone() };
    let curls: Vec<String> = log
        .so_far()
        .iter()
        .filter_map(|line| line.as_str())
        .filter(|line| line.contains("curl "))
        .map(str::to_owned)
        .collect();
    assert_eq!(curls.len(), 3, "{log}");
    assert!(curls.iter().all(|curl| curl.contains(&service.address)), "{curls:?}");
    // The first line is an order that the service takes as it stands.
    let body = curls[0].split('\'').find(|part| part.starts_with('{')).unwrap().to_owned();
    let head = [("content-type", "application/json")];
    let reply = Exchange::begin(&service.address, "POST", "/orders", &head, body.len()).finish(&body);
    assert_eq!(reply.status, 201, "{reply:?}");
    assert!(log.so_far().iter().all(Value::is_string), "no JSON for a person: {log}");
    service.stop();
}
