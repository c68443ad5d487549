//! What stands outside of the workspace, as an adopter does: `examples/consumer`, and a service fresh from the template.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{Done, cargo, root, run};
use crate::template;

/// Runs their tests. They need no server.
pub(crate) fn test() -> Done {
    test_in(&root().join("examples/consumer"))?;
    let service = root().join("target/template/fresh-service");
    if service.exists() {
        fs::remove_dir_all(&service).map_err(|error| format!("cannot clear the old service: {error}"))?;
    }
    template::generate("fresh-service", &service, &root())?;
    test_in(&service)
}

/// With our lock file and our target folder: the versions that are tested, and nothing built twice that need not be.
fn test_in(folder: &Path) -> Done {
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))
        .map_err(|error| format!("cannot copy the lock file to {}: {error}", folder.display()))?;
    eprintln!("in {}", folder.display());
    run(cargo().arg("test").env("CARGO_TARGET_DIR", target()).current_dir(folder))
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
