//! `cargo xtask check --deep`: what takes long, or needs tools that not everybody has.
//!
//! All parts run, also after one has failed; what failed is told at the end.

mod coverage;
mod features;
mod memory;
mod minimal;
mod msrv;
mod semver;
mod tool;
mod tree;

use std::time::Instant;

use crate::shell::{Done, cargo, run};
use crate::{budget, structure};
use tool::Tool;

/// The parts of the deep check, the quick ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Module cycles, types with two definitions, sizes of crates and files
    Structure,
    /// rust-version, the pinned toolchain and the compiler in use are one
    Msrv,
    /// Spelling, everywhere (typos)
    Typos,
    /// Dependencies that nobody uses (cargo-machete)
    Unused,
    /// Licences, advisories, sources, duplicates (cargo-deny)
    Deny,
    /// The family beside the same libraries assembled by hand
    Family,
    /// The public API against the last tag (cargo-semver-checks)
    Semver,
    /// Every direct dependency at the lowest version that its requirement allows
    Minimal,
    /// Every feature alone and in pairs (cargo-hack)
    Features,
    /// Tests of crates with unsafe code under valgrind
    Memory,
    /// Lines of each crate that its tests run, at least 80 % (cargo-llvm-cov)
    Coverage,
}

impl Part {
    pub(crate) const ALL: &[Self] = &[
        Self::Structure,
        Self::Msrv,
        Self::Typos,
        Self::Unused,
        Self::Deny,
        Self::Family,
        Self::Semver,
        Self::Minimal,
        Self::Features,
        Self::Memory,
        Self::Coverage,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Msrv => "msrv",
            Self::Typos => "typos",
            Self::Unused => "unused",
            Self::Deny => "deny",
            Self::Family => "family",
            Self::Semver => "semver",
            Self::Minimal => "minimal",
            Self::Features => "features",
            Self::Memory => "memory",
            Self::Coverage => "coverage",
        }
    }

    fn tools(self) -> &'static [Tool] {
        match self {
            Self::Structure | Self::Msrv | Self::Family | Self::Minimal => &[],
            Self::Typos => &[Tool::Typos],
            Self::Unused => &[Tool::Machete],
            Self::Deny => &[Tool::Deny],
            Self::Semver => &[Tool::SemverChecks],
            Self::Features => &[Tool::Hack],
            Self::Memory => &[Tool::Valgrind],
            Self::Coverage => &[Tool::LlvmCov, Tool::LlvmTools],
        }
    }

    fn run(self) -> Done {
        match self {
            Self::Structure => structure::check(),
            Self::Msrv => msrv::check(),
            Self::Typos => run(tool::command("typos").arg("--format=brief")),
            Self::Unused => run(cargo().args(["machete", "--with-metadata", "--skip-target-dir"])),
            Self::Deny => {
                let check = ["deny", "--locked", "check", "--hide-inclusion-graph"];
                let about = |what: &[&str]| run(cargo().args(check).args(what));
                // The advisories are fetched: what needs no network is told without them as well.
                about(&["bans", "licenses", "sources"]).and(about(&["advisories"]))
            }
            Self::Family => budget::family(),
            Self::Semver => semver::check(),
            Self::Minimal => minimal::check(),
            Self::Features => features::check(),
            Self::Memory => memory::check(),
            Self::Coverage => coverage::check(),
        }
    }
}

/// Fails with every tool that is missing, all at once, and how to get each.
pub(crate) fn require_tools(parts: &[Part]) -> Done {
    let missing: Vec<String> = Tool::ALL
        .iter()
        .filter(|tool| parts.iter().any(|part| part.tools().contains(tool)) && !tool.is_there())
        .map(|tool| format!("  {:<20} {}", tool.name(), tool.install()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("these tools are missing; install them with\n{}", missing.join("\n")))
}

/// Runs the parts, all of them, and fails with the names of those that failed.
pub(crate) fn check(parts: &[Part]) -> Done {
    require_tools(parts)?;
    let mut summary = Vec::new();
    let mut failed = Vec::new();
    for part in parts {
        println!("\n== {}", part.name());
        let start = Instant::now();
        let outcome = part.run();
        let seconds = start.elapsed().as_secs();
        match outcome {
            Ok(()) => summary.push(format!("{:<10} holds   {seconds:>5} s", part.name())),
            Err(reason) => {
                eprintln!("{reason}");
                summary.push(format!("{:<10} FAILED  {seconds:>5} s", part.name()));
                failed.push(format!("{}: {reason}", part.name()));
            }
        }
    }
    println!("\n{}", summary.join("\n"));
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}
