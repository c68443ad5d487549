//! `orders migrate`: the tables by hand, on a SQLite file in an empty folder.

use std::path::Path;
use std::process::{Output, Stdio};

use super::BINARY;
use super::support::{Service, command};

fn migrate(folder: &Path, what: &[&str]) -> Output {
    let mut command = command(BINARY, folder, &[]);
    command.arg("migrate").args(what).stdin(Stdio::null()).output().unwrap()
}

/// What it says on stdout, after success, the times left out.
fn said(folder: &Path, what: &str) -> String {
    let output = migrate(folder, &[what]);
    let (out, log) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{what}: {out}{log}");
    out.lines().map(|line| line.split('\t').take(2).collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[test]
fn tables_go_up_and_down_and_say_how_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (what, expected) in [
        ("status", "pending 0001_orders\npending 0002_order_stats\n"),
        ("up", "up 0001_orders\nup 0002_order_stats\n"),
        ("up", "up nothing to do\n"),
        ("down", "down 0002_order_stats\n"),
        ("status", "applied 0001_orders\npending 0002_order_stats\n"),
        ("fresh", "fresh 0001_orders\nfresh 0002_order_stats\n"),
        ("seed", "seed done\n"),
        ("seed", "seed done\n"),
        ("status", "applied 0001_orders\napplied 0002_order_stats\n"),
    ] {
        assert_eq!(said(folder, what), expected, "{what}");
    }
    let service = Service::start(BINARY, folder, &[]);
    let reply = service.get("/orders/019b76da-a800-7000-8000-000000000001");
    assert_eq!((reply.status, &reply.json()["total_cents"]), (200, &700.into()), "the seed: {reply:?}");
    assert_eq!(reply.json()["placed_at"], "2026-01-01T00:00:00.000Z");
    service.stop();
}

#[test]
fn what_fails_is_one_message_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let output = migrate(folder.path(), &["up", "database.url=sqlite:orders.db?mode=ro"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{text}");
    assert!(text.contains("DATABASE_URL") && !text.contains("panicked"), "{text}");
}
