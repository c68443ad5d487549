//! Packages of npm: `npm pack` fetches the archive, we verify its sum.

use std::fs;
use std::path::Path;
use std::process::Command;

use underpin_testkit::Packages;

use crate::fetch::cache::{Draft, executable, verify};
use crate::fetch::pins::Pin;
use crate::shell::{Done, output};

pub(crate) fn fetch(pin: &Pin) -> Done {
    let sum = pin.sums.here()?;
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x64" };
    let draft = Draft::new()?;
    let name = format!("{}-{arch}@{}", pin.package, pin.version);
    let mut npm = Command::new("npm");
    npm.current_dir(draft.download());
    // Its own cache would go to HOME, which a plain user in a container may not have.
    npm.arg("--cache").arg(draft.download().join("npm-cache"));
    output(npm.args(["pack", "--silent", "--ignore-scripts"]).arg(name))?;
    let archive = draft.file(".tgz")?;
    verify(&archive, sum)?;
    let package = draft.package();
    output(
        Command::new("tar")
            .args(["--extract", "--gzip", "--no-same-owner", "--strip-components=2", "--file"])
            .arg(&archive)
            .arg("--directory")
            .arg(&package)
            .arg("package/native"),
    )?;
    link(&package)?;
    executable(&["initdb", "pg_ctl", "postgres"].map(|program| package.join("bin").join(program)))?;
    draft.keep(pin.folder)
}

/// Installs the packages of a lock file, which npm verifies.
pub(crate) fn install(packages: &Packages) -> Done {
    let node = output(Command::new("node").arg("--version")).unwrap_or_default();
    let major =
        node.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < 20) {
        let found = if node.is_empty() { "none" } else { node.trim() };
        return Err(format!("the clients need node 20 or newer, with npm; found: {found}"));
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
        .current_dir(packages.folder());
    output(&mut npm).map(|_| ())
}

/// Archives of npm keep no symbolic links: the package lists them as `{"source":"native/...","target":"native/..."}`.
fn link(package: &Path) -> Done {
    let cannot = |error: std::io::Error| format!("the package is not as expected: {error}");
    let list = fs::read_to_string(package.join("pg-symlinks.json")).map_err(cannot)?;
    for (source, target) in links(&list) {
        let (source, target) = (package.join(source), package.join(target));
        // Within one folder, so that the cache may be moved.
        let name = source.file_name().unwrap_or_default();
        std::os::unix::fs::symlink(name, target).map_err(cannot)?;
    }
    Ok(())
}

fn links(list: &str) -> impl Iterator<Item = (&str, &str)> {
    let field = |entry: &'_ str, name: &str| -> Option<(usize, usize)> {
        let start = entry.find(&format!("\"{name}\":\"native/"))? + name.len() + 11;
        Some((start, start + entry.get(start..)?.find('"')?))
    };
    list.split('}').filter_map(move |entry| {
        let (source, target) = (field(entry, "source")?, field(entry, "target")?);
        Some((entry.get(source.0..source.1)?, entry.get(target.0..target.1)?))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_the_list_of_links() {
        let list = r#"[{"source":"native/lib/a.so.1.2","target":"native/lib/a.so"},
                       {"source":"native/lib/b.so.3","target":"native/lib/b.so"}]"#;
        let links: Vec<_> = super::links(list).collect();
        assert_eq!(links, [("lib/a.so.1.2", "lib/a.so"), ("lib/b.so.3", "lib/b.so")]);
    }
}
