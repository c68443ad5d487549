//! Weight is a feature: how many crates each of ours may bring along.

use std::collections::BTreeSet;

use crate::shell::{Done, cargo, output};

/// Unique crates of `cargo tree -e normal,build` with default features, the crate itself included.
const BUDGETS: &[(&str, usize)] = &[
    ("underpin-errors", 15),
    ("underpin-config", 35),
    ("underpin-logger", 50),
    ("underpin-events", 115),
    ("underpin-database", 170),
];

pub(crate) fn check() -> Done {
    let mut over = Vec::new();
    for (package, budget) in BUDGETS {
        let mut command = cargo();
        command.args([
            "tree",
            "--locked",
            "--package",
            package,
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ]);
        let count = unique(&output(&mut command)?);
        println!("{package}: {count} crates of {budget}");
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
