//! Unpacking into the cache: whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use underpin_testkit::cache_folder;

use crate::shell::{Done, output};

/// A folder in the cache that is being filled; it is removed unless [`keep`](Self::keep) is called.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
}

impl Draft {
    pub(crate) fn new() -> Done<Self> {
        let path = cache_folder().join(format!(".fetching-{}", std::process::id()));
        let cannot = |error| format!("cannot write to the cache {}: {error}", cache_folder().display());
        if path.exists() {
            fs::remove_dir_all(&path).map_err(cannot)?;
        }
        fs::create_dir_all(path.join("package")).map_err(cannot)?;
        Ok(Self { path })
    }

    /// Where the client puts what it fetched.
    pub(crate) fn download(&self) -> &Path {
        &self.path
    }

    /// What becomes the folder of the server.
    pub(crate) fn package(&self) -> PathBuf {
        self.path.join("package")
    }

    /// The one file that the client fetched.
    pub(crate) fn file(&self, ending: &str) -> Done<PathBuf> {
        let entries = fs::read_dir(&self.path).map_err(|error| error.to_string())?;
        let mut files = entries.filter_map(Result::ok).map(|entry| entry.path());
        files
            .find(|path| path.to_string_lossy().ends_with(ending))
            .ok_or_else(|| format!("the client fetched no {ending} file"))
    }

    /// Moves the package to its place. Everybody may read it: as root PostgreSQL runs as somebody else.
    pub(crate) fn keep(self, folder: &str) -> Done {
        output(Command::new("chmod").args(["-R", "a+rX,u+w"]).arg(self.package()))?;
        let place = cache_folder().join(folder);
        if place.exists() {
            fs::remove_dir_all(&place)
                .map_err(|error| format!("cannot replace {}: {error}", place.display()))?;
        }
        fs::rename(self.package(), &place)
            .map_err(|error| format!("cannot create {}: {error}", place.display()))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("xtask: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Compares the SHA-256 sum of a file.
pub(crate) fn verify(file: &Path, expected: &str) -> Done {
    let text = output(Command::new("sha256sum").arg("--binary").arg(file))?;
    let found = text.trim_start_matches('\\').split_whitespace().next().unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    Err(format!("{} is not what was pinned: sha256 {found}, expected {expected}", file.display()))
}

/// Makes files executable: archives of Python keep no modes.
pub(crate) fn executable(files: &[PathBuf]) -> Done {
    output(Command::new("chmod").arg("a+rx").args(files)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::verify;

    #[test]
    fn a_wrong_sum_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "abc").expect("a file");
        // FIPS 180-4, the example of one block.
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(verify(&file, sum), Ok(()));
        std::fs::write(&file, "abd").expect("a file");
        assert!(verify(&file, sum).expect_err("refused").contains("is not what was pinned"));
    }
}
