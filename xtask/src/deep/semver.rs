//! The public API against the last tag: what breaks callers raises the minor version before 1.0 (CHANGELOG.md).

use crate::shell::{Done, cargo, output, run};

use super::tool::command;
use super::tree;

const CRATES: [&str; 6] = [
    "underpin-errors",
    "underpin-config",
    "underpin-logger",
    "underpin-database",
    "underpin-events",
    "underpin-outbox",
];

pub(crate) fn check() -> Done {
    let described = ["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"];
    let Ok(tag) = output(command("git").args(described)) else {
        println!("There is no tag v* yet, so there is nothing that the API could break.");
        return Ok(());
    };
    let mut command = cargo();
    command.args(["semver-checks", "check-release", "--baseline-rev", tag.trim()]);
    command.env("CARGO_TARGET_DIR", tree::target("semver"));
    for package in CRATES {
        command.args(["--package", package]);
    }
    run(&mut command)
}
