//! `cargo xtask check`: everything short of the tests, with warnings as errors.

use crate::shell::{Done, cargo, run, succeeds};
use crate::{budget, guard};

pub(crate) fn check(deep: bool) -> Done {
    guard::check()?;
    run(cargo().args(["fmt", "--all", "--check"]))?;
    budget::check()?;
    let all = ["--locked", "--workspace", "--all-features"];
    run(cargo().arg("clippy").args(all).args(["--all-targets", "--", "--deny", "warnings"]))?;
    run(cargo().arg("doc").args(all).arg("--no-deps").env("RUSTDOCFLAGS", "--deny warnings"))?;
    if deep { check_deep() } else { Ok(()) }
}

/// Slow, and with tools that not everybody has; whoever asks for it gets it or hears what is missing.
fn check_deep() -> Done {
    for tool in ["hack", "deny"] {
        if !succeeds(cargo().args([tool, "--version"])) {
            return Err(format!("--deep needs cargo-{tool}: cargo install --locked cargo-{tool}"));
        }
    }
    run(cargo().args(["hack", "check", "--locked", "--workspace", "--each-feature", "--no-dev-deps"]))?;
    run(cargo().args(["deny", "--locked", "check"]))
}
