//! PID 1 of a PID namespace, as in a container: the kernel drops every signal that such a process does not catch.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal};

use super::running::Running;

const UNSHARE: [&str; 4] = ["--pid", "--fork", "--user", "--map-root-user"];

/// Where namespaces are forbidden, an ordinary process shows that it catches the signals, which is what PID 1 needs.
#[test]
fn as_pid_1_it_catches_the_signals_and_stops_in_order() {
    let mut probe = Command::new("unshare");
    probe.args(UNSHARE).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
    let allowed = probe.status().is_ok_and(|status| status.success());
    for signal in [Signal::TERM, Signal::INT] {
        let mut running = if allowed {
            let mut unshare = Command::new("unshare");
            unshare.args(UNSHARE).arg(std::env::current_exe().unwrap());
            Running::start_with(unshare, "idle", "")
        } else {
            Running::start("idle", "")
        };
        running.wait_for("service ready");
        if allowed {
            running.served_by = Some(only_child(running.pid()));
        }
        let status = status(running.pid());
        let caught = u64::from_str_radix(field(&status, "SigCgt:"), 16).unwrap();
        for caught_one in [Signal::HUP, Signal::INT, Signal::TERM] {
            assert!(caught & (1 << (caught_one.as_raw() - 1)) != 0, "{caught_one:?}: {caught:x}");
        }
        if allowed {
            assert_eq!(field(&status, "NSpid:").split_whitespace().last(), Some("1"));
        }
        running.signal(signal);
        let exit = running.wait();
        assert_eq!(exit.code, Some(0));
        assert_eq!(exit.log.last().unwrap()["msg"], "service stopped");
    }
}

fn only_child(of: Pid) -> Pid {
    let pid = of.as_raw_nonzero();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    Pid::from_raw(children.trim().parse().unwrap()).unwrap()
}

fn status(pid: Pid) -> String {
    std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap()
}

fn field<'s>(status: &'s str, name: &str) -> &'s str {
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim()
}
