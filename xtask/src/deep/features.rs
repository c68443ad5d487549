//! Every feature alone, in pairs, and none: no crate of ours compiles by the grace of another feature.

use std::process::Command;

use crate::shell::{Done, cargo, run};

/// Libraries only: what the tests need must not lend its features.
pub(crate) fn check() -> Done {
    let packages =
        ["errors", "config", "logger", "events", "outbox", "testkit"].map(|name| format!("underpin-{name}"));
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    let others = run(pairs().args(packages));
    // Without a backend it says so and does not compile.
    let database =
        run(pairs().args(["--package", "underpin-database"]).args(["--at-least-one-of", "postgres,sqlite"]));
    others.and(database)
}

fn pairs() -> Command {
    let mut command = cargo();
    command.args([
        "hack",
        "check",
        "--locked",
        "--lib",
        "--feature-powerset",
        "--depth",
        "2",
        "--keep-going",
    ]);
    command.env("RUSTFLAGS", "--deny warnings").env("CARGO_TARGET_DIR", super::tree::target("features"));
    command
}
