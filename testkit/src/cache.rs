use std::env;
use std::path::{Path, PathBuf};

/// The cache of root.
pub(crate) const SYSTEM_CACHE: &str = "/var/cache/underpin";

/// The folder where `cargo xtask test` keeps the servers that it fetched, and where the test kit looks for them.
///
/// `UNDERPIN_CACHE` if set; else `/var/cache/underpin` as root, because PostgreSQL does not run as root and its
/// substitute user must be able to read the folder; else `$XDG_CACHE_HOME/underpin` or `~/.cache/underpin`.
/// Servers lie in `<cache>/<name>-<version>`.
pub fn cache_folder() -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("UNDERPIN_CACHE") {
        return folder;
    }
    if rustix::process::geteuid().is_root() {
        return PathBuf::from(SYSTEM_CACHE);
    }
    set("XDG_CACHE_HOME")
        .filter(|folder| folder.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(env::temp_dir)
        .join("underpin")
}

/// The sub-folders `<name>-<version>` of `parent`, newest version first.
pub(crate) fn newest_first(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let version = crate::Version::find_in(name.strip_prefix(prefix)?)?;
            Some((version, parent.join(name)))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn newest_first_counts_numbers_not_letters() {
        let parent = tempfile::tempdir().unwrap();
        for name in
            ["nats-server-2.9.1", "nats-server-2.10.27", "nats-server-2.15.1", "nats-server-old", "other"]
        {
            std::fs::create_dir(parent.path().join(name)).unwrap();
        }
        let names: Vec<_> = super::newest_first(parent.path(), "nats-server-")
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["nats-server-2.15.1", "nats-server-2.10.27", "nats-server-2.9.1"]);
    }
}
