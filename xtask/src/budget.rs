//! Weight is a feature: how many crates each of ours may bring along.

use std::collections::BTreeSet;
use std::fs;

use crate::shell::{Done, cargo, output, root};

/// Unique crates of `cargo tree -e normal,build` with default features, the crate itself included.
const BUDGETS: &[(&str, usize)] = &[
    ("underpin-errors", 15),
    ("underpin-config", 35),
    ("underpin-logger", 50),
    ("underpin-journal", 50),
    ("underpin-nats", 105),
    ("underpin-events", 115),
    ("underpin-database", 170),
    ("underpin-outbox", 185),
    ("underpin-store", 128),
    ("underpin-objects", 130),
    ("underpin-rpc", 118),
    ("underpin-jobs", 182),
    ("underpin-telemetry", 60),
    ("underpin-http", 84),
    ("underpin-commands", 25),
    ("underpin-service", 58),
];

/// The same with a feature on top.
const WITH_FEATURE: &[(&str, &str, usize)] = &[("underpin-service", "http", 85)];

pub(crate) fn check() -> Done {
    let mut over = Vec::new();
    for (package, budget) in BUDGETS {
        let count = crates(package)?;
        println!("{package}: {count} crates of {budget}");
        if count > *budget {
            over.push(*package);
        }
    }
    for (package, feature, budget) in WITH_FEATURE {
        let count = crates_of(package, &["--features", feature])?;
        println!("{package} with {feature}: {count} crates of {budget}");
        if count > *budget {
            over.push(*package);
        }
    }
    if over.is_empty() {
        Ok(())
    } else {
        Err(format!("over budget: {} (xtask/src/budget.rs)", over.join(", ")))
    }
}

/// The unique crates of a package with its default features, itself included.
pub(crate) fn crates(package: &str) -> Done<usize> {
    crates_of(package, &[])
}

fn crates_of(package: &str, features: &[&str]) -> Done<usize> {
    let tree = ["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--package", package];
    Ok(unique(&output(cargo().args(tree).args(features))?))
}

/// How many crates the five bring above the libraries that they stand on, taken by hand.
const FAMILY: usize = 30;

/// What a service takes when it assembles the same by hand. The versions are those of our lock file.
const BY_HAND: &str = r#"
async-nats = { version = "*", default-features = false, features = ["ring", "jetstream", "kv", "server_2_10", "server_2_11", "server_2_12"] }
figment = { version = "*", features = ["env", "toml"] }
log = "*"
sea-orm = { version = "*", default-features = false, features = ["runtime-tokio", "with-json", "with-uuid", "sqlx-postgres", "macros"] }
serde = { version = "*", features = ["derive"] }
serde_json = "*"
slog = "*"
slog-json = "*"
sqlx = { version = "*", default-features = false, features = ["runtime-tokio", "tls-rustls-ring-native-roots", "postgres"] }
thiserror = "2"
tokio = { version = "*", features = ["macros", "rt-multi-thread", "sync", "time"] }
tracing-subscriber = { version = "*", default-features = false, features = ["registry", "std"] }
uuid = { version = "*", features = ["v7"] }
"#;

/// The budget of the whole family: its default features beside [`BY_HAND`].
pub(crate) fn family() -> Done {
    let ours: String = BUDGETS
        .iter()
        .map(|(package, _)| {
            let folder = root().join("pkg").join(package.trim_start_matches("underpin-"));
            format!("{package} = {{ path = {:?} }}\n", folder.display().to_string())
        })
        .collect();
    let (hand, family) = (scratch("by-hand", BY_HAND)?, scratch("family", &ours)?);
    println!("by hand {hand} crates, the family {family}, which may be {FAMILY} more");
    if family > hand + FAMILY {
        Err("the family is over budget (xtask/src/budget.rs)".to_owned())
    } else {
        Ok(())
    }
}

/// The unique crates of a package with these dependencies, itself not counted.
fn scratch(name: &str, dependencies: &str) -> Done<usize> {
    let folder = root().join("target/deep").join(name);
    let manifest = format!(
        "[workspace]\n[package]\nname = {name:?}\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[dependencies]\n{dependencies}"
    );
    let write = || {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("lib.rs"), "")?;
        fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))
    };
    write().map_err(|error| format!("cannot write {}: {error}", folder.display()))?;
    let tree = ["tree", "--offline", "--edges", "normal,build", "--prefix", "none"];
    Ok(unique(&output(cargo().args(tree).current_dir(&folder))?) - 1)
}

fn unique(tree: &str) -> usize {
    tree.lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect::<BTreeSet<_>>()
        .len()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_crate_counts_once_and_a_second_version_twice() {
        let tree = "a v1.0.0\nb v1.0.0\nb v1.0.0 (*)\nb v2.0.0\n\n";
        assert_eq!(super::unique(tree), 3);
    }
}
