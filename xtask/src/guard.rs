//! What must not stand in a tracked file: hosts of package registries, paths of somebody's machine.

use std::fs;
use std::process::Command;

use crate::shell::{Done, output, root};

/// In two parts each, so that this file passes its own check. Clients know their registries; a mirror may stand in.
const HOSTS: &[(&str, &str)] = &[
    ("crates", ".io"),
    ("pypi", ".org"),
    ("pythonhosted", ".org"),
    ("npmjs", ".org"),
    ("npmjs", ".com"),
    ("deb.debian", ".org"),
    ("archive.ubuntu", ".com"),
    ("docker", ".io"),
    ("ghcr", ".io"),
];

/// Folders in which somebody works, at the start of a path.
const PATHS: &[(&str, &str)] = &[("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/")];

pub(crate) fn check() -> Done {
    let files = output(Command::new("git").args(["ls-files", "-z"]).current_dir(root()))
        .map_err(|reason| format!("cannot list the tracked files: {reason}"))?;
    let mut found = Vec::new();
    for name in files.split('\0').filter(|name| !name.is_empty() && !name.ends_with("Cargo.lock")) {
        // A file that is deleted but not yet committed, or not text.
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        let lines = text.lines().enumerate();
        found.extend(
            lines.filter_map(|(number, line)| Some(format!("{name}:{}: {}", number + 1, offence(line)?))),
        );
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(format!("these must not be written down:\n{}", found.join("\n")))
    }
}

fn offence(line: &str) -> Option<String> {
    let host = HOSTS.iter().map(|(a, b)| format!("{a}{b}")).find(|host| line.contains(host));
    let path = || PATHS.iter().map(|(a, b)| format!("{a}{b}")).find(|path| starts_a_path(line, path));
    host.or_else(path)
}

/// `cd /x/y` and `"/x/y"`, but not `a/x/y` or `https://x/y`.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !(before.is_alphanumeric() || "/._-}*$~".contains(before)))
    })
}

#[cfg(test)]
mod tests {
    use super::offence;

    #[test]
    fn finds_hosts_and_machine_paths() {
        for line in [["cd /wo", "rk/main"], ["\"/ro", "ot/.cargo\""], ["see https://pypi", ".org/project/x"]]
        {
            assert!(offence(&line.concat()).is_some(), "{line:?}");
        }
        for line in ["a net/work/b", "pkg/work/src", "https://docs.rs/tokio", "$HOME/x"] {
            assert_eq!(offence(line), None);
        }
    }
}
