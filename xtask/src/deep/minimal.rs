//! Each requirement in our manifests is true: with every direct dependency at the lowest version it allows, all compiles.

use crate::shell::{Done, cargo, run};

use super::tree;

/// In a copy of the tree, because the lock file is written again. Dependencies of dependencies stay as new as they come: what
/// others require is theirs to keep true.
pub(crate) fn check() -> Done {
    let copy = tree::copy("minimal")?;
    // The option is not stable, and this variable lets the pinned compiler's cargo take it; nothing is built with it.
    let resolve = ["update", "--quiet", "-Z", "direct-minimal-versions"];
    run(cargo().args(resolve).env("RUSTC_BOOTSTRAP", "1").current_dir(&copy))?;
    run(cargo()
        .args(["check", "--locked", "--workspace", "--all-features"])
        .env("CARGO_TARGET_DIR", tree::target("minimal"))
        .current_dir(&copy))
}
