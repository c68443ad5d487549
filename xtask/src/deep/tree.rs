//! Places of the deep check, so that it neither changes the work tree nor throws away what the usual builds have built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Done, output, root};

/// A target folder of its own: other flags or versions than those of the usual builds.
pub(crate) fn target(name: &str) -> PathBuf {
    root().join("target/deep").join(name)
}

/// A copy of what belongs to the project, committed or not, as it is in the work tree.
pub(crate) fn copy(name: &str) -> Done<PathBuf> {
    let to = target(name).join("tree");
    if to.exists() {
        fs::remove_dir_all(&to).map_err(|error| format!("cannot clear {}: {error}", to.display()))?;
    }
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    for file in output(Command::new("git").args(list).current_dir(root()))?.split('\0') {
        let from = root().join(file);
        // Deleted and not yet committed, or the empty rest behind the last name.
        if from.is_file() {
            place(&from, &to.join(file)).map_err(|error| format!("cannot copy {file}: {error}"))?;
        }
    }
    Ok(to)
}

fn place(from: &Path, to: &Path) -> std::io::Result<()> {
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::copy(from, to).map(drop)
}
