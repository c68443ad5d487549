//! The tools of the deep check: whether they are there, and how to get them.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{cargo, on_path, output, root, succeeds};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Typos,
    Machete,
    Deny,
    SemverChecks,
    Hack,
    Valgrind,
    LlvmCov,
    LlvmTools,
}

impl Tool {
    pub(crate) const ALL: &[Self] = &[
        Self::Typos,
        Self::Machete,
        Self::Deny,
        Self::SemverChecks,
        Self::Hack,
        Self::Valgrind,
        Self::LlvmCov,
        Self::LlvmTools,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Typos => "typos",
            Self::Machete => "cargo-machete",
            Self::Deny => "cargo-deny",
            Self::SemverChecks => "cargo-semver-checks",
            Self::Hack => "cargo-hack",
            Self::Valgrind => "valgrind",
            Self::LlvmCov => "cargo-llvm-cov",
            Self::LlvmTools => "llvm-tools",
        }
    }

    pub(crate) fn install(self) -> String {
        match self {
            Self::Typos => "pip install typos, or cargo install --locked typos-cli".to_owned(),
            Self::Valgrind => "apt-get install valgrind".to_owned(),
            Self::LlvmTools => "rustup component add llvm-tools".to_owned(),
            // On another compiler than the pinned one, which may be too old for them.
            other => format!("cargo +stable install --locked {}", other.name()),
        }
    }

    pub(crate) fn is_there(self) -> bool {
        match self {
            Self::LlvmTools => llvm_tools().is_some(),
            Self::Typos => succeeds(command("typos").arg("--version")),
            Self::Valgrind => on_path("valgrind"),
            cargo_tool => on_path(cargo_tool.name()),
        }
    }
}

/// A program that is no part of cargo, in the root of the workspace.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// Where `rustup component add llvm-tools` puts its programs.
fn llvm_tools() -> Option<PathBuf> {
    let mut rustc = command("rustc");
    let sysroot = output(rustc.args(["--print", "sysroot"])).ok()?;
    let host = output(cargo().arg("-vV")).ok()?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: "))?;
    let folder = PathBuf::from(sysroot.trim()).join("lib/rustlib").join(host.trim()).join("bin");
    folder.join("llvm-cov").is_file().then_some(folder)
}
