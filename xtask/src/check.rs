//! `cargo xtask check`: everything short of the tests, with warnings as errors.

use crate::shell::{Done, cargo, run};
use crate::{budget, deep, guard, ops, structure};

/// What `cargo xtask check` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Also what takes long and needs further tools: see --only
    #[arg(long)]
    deep: bool,
    /// Of the deep checks only these, and nothing else
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    only: Vec<deep::Part>,
}

pub(crate) fn check(wanted: &Check) -> Done {
    if !wanted.only.is_empty() {
        return deep::check(&wanted.only);
    }
    // Before anything is built: who lacks a tool hears it at once.
    if wanted.deep {
        deep::require_tools(deep::Part::ALL)?;
    }
    guard::check()?;
    run(cargo().args(["fmt", "--all", "--check"]))?;
    structure::check()?;
    ops::check()?;
    budget::check()?;
    let all = ["--locked", "--workspace", "--all-features"];
    run(cargo().arg("clippy").args(all).args(["--all-targets", "--", "--deny", "warnings"]))?;
    run(cargo().arg("doc").args(all).arg("--no-deps").env("RUSTDOCFLAGS", "--deny warnings"))?;
    if wanted.deep { deep::check(deep::Part::ALL) } else { Ok(()) }
}
