//! The minimum supported compiler is the one everything is tested with (adr/0021): this holds the three places together.

use std::fs;

use crate::shell::{Done, output, root};

use super::tool::command;

pub(crate) fn check() -> Done {
    let promised = quoted("Cargo.toml", "rust-version")?;
    let pinned = quoted("rust-toolchain.toml", "channel")?;
    let used = output(command("rustc").arg("--version"))?;
    let used = used.split_whitespace().nth(1).unwrap_or_default();
    println!("promised {promised}, pinned {pinned}, in use {used}");
    if !is_release_of(&pinned, &promised) {
        return Err(format!("rust-toolchain.toml pins {pinned}, Cargo.toml promises {promised}"));
    }
    if used != pinned {
        return Err(format!("the compiler in use is {used}, not the pinned {pinned}"));
    }
    Ok(())
}

/// The value of the first line `key = "value"`.
fn quoted(file: &str, key: &str) -> Done<String> {
    let path = root().join(file);
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {file}: {error}"))?;
    let line = text.lines().find(|line| line.split('=').next().is_some_and(|name| name.trim() == key));
    let value = line.and_then(|line| line.split('"').nth(1));
    value.map(str::to_owned).ok_or_else(|| format!("{file} has no line {key} = \"...\""))
}

fn is_release_of(version: &str, minor: &str) -> bool {
    version.strip_prefix(minor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::is_release_of;

    #[test]
    fn a_patch_release_belongs_to_its_minor() {
        assert!(is_release_of("1.95.0", "1.95") && is_release_of("1.95.0", "1.95.0"));
        assert!(!is_release_of("1.96.0", "1.95") && !is_release_of("1.950.0", "1.95"));
    }
}
