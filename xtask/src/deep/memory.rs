//! Tests under valgrind, where there is unsafe code of ours.

use std::fs;
use std::path::Path;

use crate::shell::{Done, cargo, output, root, run};

use super::tool::command;

/// The lint `unsafe_code` is denied in the whole workspace: a crate that needs unsafe says `allow(unsafe_code)`, with a reason.
pub(crate) fn check() -> Done {
    let mut crates = Vec::new();
    let folders = fs::read_dir(root().join("pkg")).map_err(|error| format!("cannot read pkg: {error}"))?;
    for folder in folders.filter_map(Result::ok).map(|entry| entry.path()) {
        if allows_unsafe(&folder.join("src"))? {
            crates.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    if crates.is_empty() {
        println!(
            "No crate of pkg allows unsafe code; the compiler denies it everywhere (Cargo.toml, unsafe_code)."
        );
    }
    crates.iter().try_for_each(|name| under_valgrind(name))
}

fn allows_unsafe(folder: &Path) -> Done<bool> {
    let entries =
        fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let found = if path.is_dir() {
            allows_unsafe(&path)?
        } else {
            fs::read_to_string(&path).is_ok_and(|text| text.contains("allow(unsafe_code"))
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The unit tests of the library, which reach what is private.
fn under_valgrind(name: &str) -> Done {
    let package = format!("underpin-{name}");
    let build = ["test", "--locked", "--lib", "--no-run", "--message-format=json", "--package"];
    let messages = output(cargo().args(build).arg(&package))?;
    let program = messages.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        rest.split('"').next()
    });
    let program = program.ok_or_else(|| format!("cargo names no test binary of {package}"))?;
    run(command("valgrind")
        .args(["--quiet", "--error-exitcode=1", "--leak-check=full", "--errors-for-leak-kinds=definite"])
        .args([program, "--test-threads=1"])
        // Property tests are slow enough.
        .env("PROPTEST_CASES", "8"))
}
