use std::fs::File;
use std::path::{Path, PathBuf};

use crate::data_dir;
use crate::error::TestkitError;
use crate::process::{ProcessId, Stat};
use crate::supervisor::{Lifetime, Supervisor, Task};

/// What the test processes of one run share: a folder, a lock, and the process whose life all of it follows.
///
/// That process is the outermost ancestor named `cargo` or `cargo-nextest`: `cargo test` runs each test binary in a
/// separate process and nextest each test, so no test process can own what they share. Without such an ancestor (a
/// test binary started by hand or by a debugger) the run is this process.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) owner: ProcessId,
    folder: PathBuf,
}

impl Run {
    pub(crate) fn current() -> Result<Self, TestkitError> {
        let cargo = outermost_cargo(std::process::id(), Stat::read).and_then(ProcessId::of);
        let owner = cargo.unwrap_or_else(ProcessId::current);
        let folder = data_dir::run_folder(&data_dir::base()?, owner)?;
        Ok(Self { owner, folder })
    }

    /// Takes the lock of the run; the first one that does leaves a supervisor that removes the folder with its owner.
    pub(crate) fn lock(&self) -> Result<Locked<'_>, TestkitError> {
        let lock = data_dir::lock(&self.folder, "lock")?;
        let guarded = self.folder.join("guarded");
        if !guarded.exists() {
            let command = ["true".into()];
            let lifetime = Lifetime::Of(self.owner);
            Supervisor::start(&Task {
                lifetime,
                folder: &self.folder,
                command: &command,
                stop: "KILL",
                user: None,
            })?;
            data_dir::write(&guarded, "")?;
        }
        Ok(Locked { run: self, _lock: lock })
    }
}

/// The run while no other process may change what is shared.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    run: &'a Run,
    _lock: File,
}

impl Locked<'_> {
    pub(crate) fn owner(&self) -> ProcessId {
        self.run.owner
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.run.folder
    }
}

fn outermost_cargo(mut pid: u32, stat: impl Fn(u32) -> Option<Stat>) -> Option<u32> {
    let mut outermost = None;
    // A parent that is hidden (another pid namespace, hidepid) ends the walk.
    while let Some(found) = stat(pid).filter(|_| pid > 0) {
        if matches!(found.name.as_str(), "cargo" | "cargo-nextest") {
            outermost = Some(pid);
        }
        pid = found.parent;
    }
    outermost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_cargo_owns_the_run() {
        let tree = |pid| {
            let (name, parent) = match pid {
                9 => ("orders-1f2e", 8),
                8 => ("cargo", 7),
                7 => ("xtask", 6),
                6 => ("cargo", 5),
                5 => ("bash", 1),
                1 => ("init", 0),
                _ => return None,
            };
            Stat::parse(&format!("{pid} ({name}) S {parent} 1 1 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 5 2"))
        };
        assert_eq!(outermost_cargo(9, tree), Some(6));
        assert_eq!(outermost_cargo(5, tree), None);
    }
}
